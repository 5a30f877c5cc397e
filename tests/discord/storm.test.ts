import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { parseEcho } from '../../generated/frames.js'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { decode } from '../../src/codec/decode.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import { Reassembler } from '../../src/codec/reassembler.js'
import { readFlags } from '../../src/frame/flags.js'
import { silent } from '../../src/log.js'
import type { Address } from '../../src/protocol.js'
import { Outbox } from '../../src/router/outbox.js'
import { AccountPool } from '../../src/router/pool.js'
import { MemorySpool } from '../../src/spool/memory.js'
import { DISCORD_BOT, type DiscordEmulator } from '../../src/testing/discord/emulator.js'
import { tooMany } from '../../src/testing/discord/rates.js'
import { type FakeClock, fakeClock, settle } from '../support/fake-clock.js'
import { Bench, CHANNEL, keyed, listening, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const HELPER = { token: 'helper-token', id: '44', applicationId: '9', username: 'helper' }

/** Well-formed text of about `bytes` UTF-8 bytes, of characters of every length. */
function randomText(bytes: number): string {
  const random = randomBytes(bytes)
  let text = ''
  for (let used = 0, i = 0; used < bytes; i += 4) {
    const [kind = 0, a = 0, b = 0, c = 0] = random.subarray(i % (bytes - 4))
    const point = [a & 0x7f, 0x80 + ((a << 3) | (b & 7)), 0xe000 + ((a << 4) | (b & 15)), 0x10000 + ((a << 8) | b) + c]
    const char = String.fromCodePoint(point[kind & 3] ?? 0x20)
    used += Buffer.byteLength(char)
    text += char
  }
  return text
}

describe('a megabyte', () => {
  it('arrives byte for byte in frames that are full and fit', async () => {
    const emulator = await bench.emulator({ bots: [DISCORD_BOT, HELPER], rates: false })
    const payload = randomText(1024 * 1024)
    const keys = keyRing([randomBytes(32).toString('base64')])
    const limit = FRAME_LIMITS.discord
    const { frames } = await encode(payload, { to: 'a', from: 'b', limit, compress: 'always', keys, maxChunks: 10_000 })
    const reassembler = new Reassembler({ maxChunks: 10_000, maxSenderBytes: 64 * 1024 * 1024 })
    const receiver = bench.transport(emulator, {}, HELPER.token)
    const clock = fakeClock()
    const sender = bench.transport(emulator, { clock })
    const arrived = new Promise<string>((resolve, reject) => {
      receiver
        .listen(async ({ text }) => {
          const frame = parseEcho(text)
          if (typeof frame === 'string') throw new Error(frame)
          const flags = readFlags(frame.flags)
          const { compressed, encrypted, chunk } = flags
          const names = { conversation: '1234', sender: 's', to: 'a', from: 'b' }
          if (chunk === undefined) throw new Error('one frame')
          const key = { platform: 'discord', ...names, compressed, encrypted } as const
          const whole = reassembler.accept(key, chunk, frame.payload)
          if (whole !== undefined) resolve(decode(whole, flags, { keys, maxBytes: 2 ** 24 }))
        })
        .then(async () => {
          for (const [i, text] of frames.entries()) {
            // The 50 requests a second of every bot stay in force.
            if (i % 50 === 0) await clock.advance(1_000)
            await sender.send(CHANNEL, { text }, keyed(String(i)))
          }
        })
        .catch(reject)
    })
    const received = await arrived
    reassembler.close()
    expect(Buffer.from(received).equals(Buffer.from(payload))).toBe(true)
    const sizes = emulator.messages.map(message => [...message.content].length)
    expect(sizes).toHaveLength(frames.length)
    expect(sizes.filter(size => size > 2000)).toEqual([])
    const use = Math.min(...sizes.slice(0, -1)) / limit.size
    expect(use).toBeGreaterThanOrEqual(0.98)
    report(`1 MiB: ${frames.length} frames, 0 over the limit, least use of a full frame ${(use * 100).toFixed(2)} %`)
  }, 120_000)
})

describe('a connection that is cut 200 times in 5,000 messages', () => {
  it('loses nothing, delivers nothing twice and leaves nothing behind', async () => {
    const emulator = await bench.emulator({ maxConcurrency: 1_000, heartbeatInterval: 20 })
    const before = { descriptors: descriptors(), timers: timers() }
    const transport = bench.transport(emulator)
    const heard = await listening(transport)
    let cuts = 0
    for (let posted = 0; posted < 5_000; posted++) {
      emulator.post({ channelId: '1234', content: `m${posted}` })
      if (Math.random() < (200 - cuts) / (5_000 - posted)) {
        // Some hit a new connection at once, some what is on its way.
        await until(() => emulator.gateway.connections > 0)
        if (Math.random() < 0.5) await settle()
        emulator.gateway.cut()
        cuts++
      }
      if (posted % 50 === 0) await settle()
    }
    await until(() => heard.length >= 5_000)
    expect(cuts).toBe(200)
    expect(heard.map(message => message.text)).toEqual(Array.from({ length: 5_000 }, (_, i) => `m${i}`))
    const [identifies, resumes] = [emulator.gateway.sent(2).length, emulator.gateway.sent(6).length]
    await transport.close()
    await until(() => emulator.gateway.connections === 0)
    await until(() => descriptors() <= before.descriptors && timers() <= before.timers)
    report(`200 cuts: 5000 of 5000 heard, 0 twice, ${identifies} identify, ${resumes} resumes`)
  }, 60_000)
})

describe('a storm of 429', () => {
  it.each([1, 2, 4])('is waited out in order, as fast as %i tokens may go', async tokens => {
    const each = 60
    const { attempts, clock, emulator, run } = await storm(tokens)
    const took = await run(each)
    const least = (Math.ceil(each / 5 / tokens) - 1) * 5_000
    expect(took).toBeGreaterThanOrEqual(least)
    expect(took).toBeLessThanOrEqual(least * 1.1)
    expect(Math.max(...attempts.values())).toBeLessThanOrEqual(4)
    const refused = emulator.calls.filter(call => call.status === 429).length
    expect(refused).toBe(0)
    expect(clock.pending).toBe(0)
    report(`${tokens} tokens: ${each} messages in ${took} ms, the limits allow ${least} ms; ${refused} times 429`)
  })

  it.each(['user', 'shared', 'global'] as const)('of scope %s that no header announced is obeyed', async scope => {
    const { attempts, emulator, run } = await storm(1, false)
    // Every fourth message is refused three times.
    let count = 0
    const spoil = (): void => emulator.fail({ answer: tooMany(scope, 1_500), times: 3 })
    await run(20, () => {
      if (count++ % 4 === 0) spoil()
    })
    expect(Math.max(...attempts.values())).toBe(4)
    const asked = emulator.calls.filter(call => call.method === 'POST')
    for (const [i, call] of asked.entries()) {
      const next = asked[i + 1]
      if (call.status === 429 && next !== undefined) expect(next.at - call.at).toBeGreaterThanOrEqual(1_500)
    }
    expect(asked.filter(call => call.status === 429)).toHaveLength(15)
  })
})

/** A router's outbox over as many bots, on a clock that moves only when nothing is on its way. */
async function storm(
  tokens: number,
  rates?: false,
): Promise<{
  attempts: Map<string, number>
  clock: FakeClock
  emulator: DiscordEmulator
  run: (each: number, before?: () => void) => Promise<number>
}> {
  const clock = fakeClock()
  const bots = Array.from({ length: tokens }, (_, i) => ({ ...DISCORD_BOT, token: `token-${i}`, id: `${43 + i}` }))
  const emulator = await bench.emulator({ bots, clock, ...(rates === undefined ? {} : { rates }) })
  const pool = bench.add(new AccountPool(clock, Math.random))
  for (const { token } of bots) pool.add(bench.transport(emulator, { clock, role: 'router' }, token))
  const attempts = new Map<string, number>()
  const settled: string[] = []
  const failed: string[] = []
  let before = (): void => {}
  const outbox = new Outbox({
    spool: new MemorySpool({ clock }),
    dispatch: (entry, signal) => {
      if (!attempts.has(entry.id)) before()
      attempts.set(entry.id, (attempts.get(entry.id) ?? 0) + 1)
      return pool.send(entry.to as Address, { text: entry.text }, { signal, idempotencyKey: entry.id })
    },
    clock,
    random: Math.random,
    logger: silent,
    onSettled: (entry, error) => (error === undefined ? settled : failed).push(entry.id),
  })
  await outbox.start()
  const run = async (each: number, hook: () => void = () => {}): Promise<number> => {
    before = hook
    const begun = clock.now()
    for (let i = 0; i < each; i++) {
      await outbox.accept({ id: `e${i}`, lane: 'l', to: CHANNEL, text: `m${i}`, acceptedAt: begun })
    }
    while (settled.length + failed.length < each) {
      do await settle()
      while (pool.accounts().some(account => account.busy > 0))
      if (clock.next !== undefined) await clock.advance(clock.next)
    }
    expect(failed).toEqual([])
    expect(emulator.messages.map(message => message.content)).toEqual(Array.from({ length: each }, (_, i) => `m${i}`))
    await outbox.close()
    return Math.max(...emulator.calls.filter(call => call.status === 200).map(call => call.at)) - begun
  }
  return { attempts, clock, emulator, run }
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length
}

function timers(): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
}

/** Figures for whoever runs the suite. */
function report(line: string): void {
  process.stdout.write(`      discord: ${line}\n`)
}
