import { describe, expect, it } from 'vitest'
import type { CliIo } from '../../src/cli/io.js'
import { localConfig } from '../../src/cli/local.js'
import { main } from '../../src/cli/main.js'
import { WgrokRouter } from '../../src/router/router.js'
import { later, serve, until } from './support.js'

interface Shell {
  readonly io: CliIo
  readonly out: string[]
  readonly err: string[]
  readonly interrupt: () => void
}

function shell(env: Record<string, string>, stdin: AsyncIterable<Uint8Array>): Shell {
  const out: string[] = []
  const err: string[] = []
  const stop = new AbortController()
  const io: CliIo = {
    stdin,
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: async text => void out.push(text),
    stderr: text => void err.push(text),
    env,
    cwd: '/',
    interrupted: stop.signal,
  }
  return { io, out, err, interrupt: () => stop.abort() }
}

async function* piped(...lines: string[]): AsyncGenerator<Uint8Array> {
  for (const line of lines) yield Buffer.from(`${line}\n`)
}

/** A stdin that stays open. */
function open(): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }
}

const echo = '{"type":"message","session_key":"s","content":"./echo:hi:me:-:hello"}'
const tokenOf = (url: string): string => url.replace('ws://', 'ws://agents:tokA@')

describe('wgrok bridge', () => {
  it('sends a frame from a pipe to the router and prints what comes back', async () => {
    const router = later(new WgrokRouter(localConfig(0, 'tokA')))
    await router.start()
    const env = { WGROK_TOKEN: tokenOf(router.bridgeUrl ?? '') }

    const plain = shell(env, piped(echo))
    expect(await main(['bridge', '--quiet', '0.2'], plain.io)).toBe(0)
    expect(plain.out.map(line => JSON.parse(line))).toMatchObject([
      { type: 'message', session_key: 's', content: 'hi:me:-:hello', from: 'me', to: 'hi' },
    ])
    expect(plain.err).toEqual(['joined the bridge as agents\n'])

    const content = shell(env, piped(echo, '', echo))
    expect(await main(['bridge', '--content', '--quiet', '0.2'], content.io)).toBe(0)
    expect(content.out).toEqual(['hi:me:-:hello\n', 'hi:me:-:hello\n'])
  })

  it('sends every type, and prints every type', async () => {
    const { server, url } = await serve()
    const got: string[] = []
    server
      .onMessage(async (message, session) => {
        got.push(message.type)
        await session.event('stream_start')
        await session.send('more')
        return 'answer'
      })
      .onReply(reply => void got.push(reply.type))
      .onEvent(event => void got.push(event.type))
      .onError(error => void got.push(error.type))
    const lines = [
      '{"type":"message","content":"x"}',
      '{"type":"reply","session_key":"s"}',
      '{"type":"event","event":"e"}',
      '{"type":"error","code":500}',
    ]
    const { io, out } = shell({ MINE: tokenOf(url) }, piped(...lines))
    expect(await main(['bridge', '--token-from-env', 'MINE', '--quiet', '0.2'], io)).toBe(0)
    expect(new Set(got)).toEqual(new Set(['message', 'reply', 'event', 'error']))
    expect(out.map(line => JSON.parse(line).type)).toEqual(['event', 'message', 'reply'])
  })

  it('says which lines are no envelopes, sends the others, and exits 1', async () => {
    const { server, url } = await serve()
    const got: (string | undefined)[] = []
    server.onMessage(message => void got.push(message.content))
    const lines = [
      '{',
      '{"type":"launch"}',
      '{"type":"register","platform":"agents"}',
      '{"type":"message","content":7}',
    ]
    const { io, err } = shell({ WGROK_TOKEN: tokenOf(url) }, piped(...lines, '{"type":"message","content":"fine"}'))
    expect(await main(['bridge', '--quiet', '0.1'], io)).toBe(1)
    expect(err.slice(1)).toEqual([
      expect.stringMatching(/^line 1: /),
      'line 2: no message, reply, event or error\n',
      'line 3: no message, reply, event or error\n',
      'line 4: /content must be a string\n',
    ])
    expect(got).toEqual(['fine'])
  })

  it('stays until it is interrupted', async () => {
    const { server, url } = await serve()
    const { io, out, interrupt } = shell({ WGROK_TOKEN: tokenOf(url) }, piped())
    const ended = main(['bridge', '--stay', '--content', '--quiet', '0.01'], io)
    await until(() => server.platforms().length === 1)
    await new Promise(resolve => setTimeout(resolve, 50))
    await server.send('agents', 'still there')
    await until(() => out.length === 1)
    interrupt()
    expect(await ended).toBe(0)
    expect(out).toEqual(['still there\n'])
  })

  it('ends when its token is refused, at the start or later, also while stdin is open', async () => {
    const { server, url } = await serve()
    const wrong = shell({ WGROK_TOKEN: tokenOf(url).replace('tokA', 'nope') }, open())
    expect(await main(['bridge'], wrong.io)).toBe(3)
    expect(wrong.err.join('')).toContain('[auth-failed]')
    expect(wrong.err.join('')).not.toContain('nope')
    const right = shell({ WGROK_TOKEN: tokenOf(url) }, open())
    const ended = main(['bridge'], right.io)
    await until(() => server.platforms().length === 1)
    server.setTokens({ agents: 'new' })
    expect(await ended).toBe(3)
  })

  it('exits 2 without a token, and 130 when it is interrupted before the bridge is reached', async () => {
    const none = shell({}, piped())
    expect(await main(['bridge'], none.io)).toBe(2)
    expect(none.err.join('')).toContain('WGROK_TOKEN')
    const nobody = shell({ WGROK_TOKEN: 'ws://agents:t@127.0.0.1:9' }, open())
    const ended = main(['bridge'], nobody.io)
    await until(() => nobody.err.length > 0)
    nobody.interrupt()
    expect(await ended).toBe(130)
  })
})
