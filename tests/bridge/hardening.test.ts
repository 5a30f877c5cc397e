import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { ERROR_CODES } from '../../generated/errors.js'
import type { HostCommand, HostReport } from './host.js'
import { join, later, type Plain, until } from './support.js'

const MIB = 1024 * 1024

const measured = (line: string): void => {
  if (process.env['WGROK_MEASURE'] !== undefined) process.stdout.write(`${line}\n`)
}

class Host {
  readonly url: string
  readonly #child: ChildProcess

  constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  static async start(env: Record<string, string> = {}): Promise<Host> {
    const child = fork(fileURLToPath(new URL('host.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx', '--expose-gc'],
      env: { ...process.env, ...env },
    })
    later({
      close: () => {
        child.disconnect()
        return new Promise(resolve => child.once('exit', resolve))
      },
    })
    const { url } = await answer(child)
    return new Host(child, url ?? '')
  }

  ask(command: HostCommand): Promise<HostReport> {
    this.#child.send(command)
    return answer(this.#child)
  }

  get alive(): boolean {
    return this.#child.exitCode === null
  }
}

function answer(child: ChildProcess): Promise<HostReport> {
  return new Promise((resolve, reject) => {
    child.once('message', report => resolve(report as HostReport))
    child.once('exit', () => reject(new Error('the server died')))
  })
}

const p99 = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0

describe('a client that stops reading', () => {
  const COUNT = 1200
  const SIZE = 16 * 1024

  async function run(host: Host, slow: boolean): Promise<{ p99: number; bytes: number; code: number | undefined }> {
    const times: number[] = []
    const readers = await Promise.all(Array.from({ length: 10 }, () => reader(host.url, times)))
    let code: number | undefined
    if (slow) {
      const one = await join(host.url, 'slow', 'tokB')
      one.socket.pause()
      void one.closed.then(close => {
        code = close.code
      })
      const { bytes = 0 } = await host.ask({ do: 'flood', count: COUNT, size: SIZE, every: 1 })
      one.socket.resume()
      await one.closed
      for (const socket of readers) socket.terminate()
      return { p99: p99(times), bytes, code }
    }
    const { bytes = 0 } = await host.ask({ do: 'flood', count: COUNT, size: SIZE, every: 1 })
    for (const socket of readers) socket.terminate()
    return { p99: p99(times), bytes, code }
  }

  it('costs the server less than 8 MiB, slows down nobody, and is closed as slow', async () => {
    const host = await Host.start()
    await run(host, false)
    const best = { usual: Number.POSITIVE_INFINITY, beside: Number.POSITIVE_INFINITY }
    // The machine has other work too: what counts is the best of a few rounds, of either kind.
    for (let round = 0; round < 4; round += 1) {
      const usual = await run(host, false)
      const beside = await run(host, true)
      best.usual = Math.min(best.usual, usual.p99)
      best.beside = Math.min(best.beside, beside.p99)
      const cost = beside.bytes - usual.bytes
      measured(
        `slow: cost ${(cost / MIB).toFixed(1)} MiB, p99 ${usual.p99.toFixed(2)} -> ${beside.p99.toFixed(2)} ms, code ${beside.code}`,
      )
      expect(beside.code).toBe(4503)
      expect(cost).toBeLessThan(8 * MIB)
      if (best.beside <= 2 * best.usual) break
    }
    expect(best.beside).toBeLessThanOrEqual(2 * best.usual)
  }, 60_000)
})

/** Reads fast, and takes down how long each message was under way. */
async function reader(url: string, times: number[]): Promise<WebSocket> {
  const socket = new WebSocket(`${url}/bridge/v1/agents`, { headers: { authorization: 'Bearer tokA' } })
  later({ close: () => socket.terminate() })
  await new Promise(resolve => socket.once('open', resolve))
  socket.send('{"type":"register","platform":"agents"}')
  await new Promise(resolve => socket.once('message', resolve))
  socket.on('message', data => {
    const now = performance.timeOrigin + performance.now()
    const sent = /"session_key":"([0-9.]+)"/.exec(String((data as Buffer).subarray(0, 80)))?.[1]
    times.push(now - Number(sent))
  })
  return socket
}

describe('a hundred thousand malformed frames', () => {
  const PAYLOAD = 32 * 1024
  const LASTING = [
    'not json',
    '',
    '{"type":"message"',
    '[]',
    'null',
    '"message"',
    '{}',
    '{"type":7}',
    '{"type":null}',
    '{"type":"launch"}',
    '{"type":"__proto__"}',
    '{"type":"constructor"}',
    '{"type":"message","content":7}',
    '{"type":"message","session_key":["s"]}',
    '{"type":"message","metadata":"m"}',
    '{"type":"message","metadata":{"user_id":1}}',
    '{"type":"message","data":{"cards":7}}',
    '{"type":"message","data":{"images":[{}]}}',
    '{"type":"event"}',
    '{"type":"event","event":""}',
    '{"type":"error"}',
    '{"type":"error","code":"500"}',
    '{"type":"register","platform":"agents"}',
    '{"type":"register","platform":"AGENTS"}',
    '{"type":"register","platform":"agents","resume":{"epoch":1,"seq":-1}}',
    `{"type":"event","event":"e","data":${'['.repeat(1000)}${']'.repeat(1000)}}`,
    `{"type":"event","event":"e","data":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`,
    '['.repeat(5000),
    '{"type":"message","type":"error","code":1}',
    '{"type":"message","content":"a","content":"b"}',
    '{"type":"message","metadata":{"user_id":"a","user_id":"b"}}',
    '{"__proto__":{"type":"message"},"type":"message"}',
    '{"type":"message","data":{"__proto__":{"cards":[]}}}',
    '{"type":"message","content":"\\u0000"}',
  ]
  const CLOSING: [string, (socket: WebSocket) => void][] = [
    ['binary', socket => socket.send(Buffer.from('{"type":"message"}'))],
    ['oversize', socket => socket.send('x'.repeat(PAYLOAD + 1))],
    ['not UTF-8', socket => socket.send(Buffer.from([0xc0, 0x80]), { binary: false })],
  ]

  it('are each answered by an error or a close that the protocol names, and the server neither dies nor grows', async () => {
    const host = await Host.start({ PAYLOAD: String(PAYLOAD) })
    // A round to warm up: code is compiled and buffers are pooled once.
    await spam(host.url, 2, 2000)
    const { bytes: before = 0 } = await host.ask({ do: 'memory' })
    const start = performance.now()
    const answered = await spam(host.url, 8, 98_800)
    const closed = await closings(host.url, 1200)
    const took = performance.now() - start
    await until(() => host.alive)
    const { bytes: after = 0 } = await host.ask({ do: 'memory' })
    measured(
      `malformed: ${answered + closed} frames in ${Math.round(took)} ms, memory ${(before / MIB).toFixed(1)} -> ${(after / MIB).toFixed(1)} MiB`,
    )
    expect(answered + closed).toBe(100_000)
    expect(after - before).toBeLessThan(4 * MIB)
    const adapter = await join(host.url)
    adapter.send({ type: 'message', content: 'still there' })
    expect(await adapter.next()).toEqual({ type: 'reply', content: 'still there' })
  }, 60_000)

  /** Frames that a connection survives, on several connections at once. Returns how many were answered by an error. */
  async function spam(url: string, connections: number, count: number): Promise<number> {
    const plains = await Promise.all(Array.from({ length: connections }, () => join(url)))
    await Promise.all(plains.map((plain, index) => pour(plain, share(count, connections, index))))
    let errors = 0
    for (const plain of plains) {
      for (const envelope of plain.got.slice(1)) {
        const { type, code, message } = envelope as { type: string; code: number; message: string }
        expect(type === 'error' && code >= 400 && isListed(message)).toBe(true)
        errors += 1
      }
      expect(plain.socket.readyState).toBe(WebSocket.OPEN)
      plain.socket.terminate()
    }
    return errors
  }

  async function pour(plain: Plain, count: number): Promise<void> {
    for (let sent = 0; sent < count; ) {
      for (let n = 0; n < 200 && sent < count; n += 1, sent += 1) plain.send(LASTING[sent % LASTING.length] as string)
      await until(() => plain.got.length - 1 >= sent - 400, 20_000)
    }
    await until(() => plain.got.length - 1 >= count, 20_000)
  }

  async function closings(url: string, count: number): Promise<number> {
    let closed = 0
    for (let n = 0; n < count; n += 40) {
      await Promise.all(
        Array.from({ length: Math.min(40, count - n) }, async (_, index) => {
          const [, attack] = CLOSING[(n + index) % CLOSING.length] as (typeof CLOSING)[number]
          const plain = await join(url)
          attack(plain.socket)
          const { code, reason } = await plain.closed
          expect(plain.got.at(-1)).toMatchObject({ type: 'error', message: expect.stringContaining(reason) })
          expect([1007, 1009, 4415]).toContain(code)
          closed += 1
        }),
      )
    }
    return closed
  }
})

const share = (count: number, parts: number, index: number): number =>
  Math.floor((count * (index + 1)) / parts) - Math.floor((count * index) / parts)

const isListed = (message: string): boolean =>
  (ERROR_CODES as readonly string[]).includes(message.split(':', 1)[0] ?? '')
