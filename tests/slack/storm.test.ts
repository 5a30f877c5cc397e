import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseEcho } from '../../generated/frames.js'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { decode } from '../../src/codec/decode.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import { Reassembler } from '../../src/codec/reassembler.js'
import { readFlags } from '../../src/frame/flags.js'
import { measure } from '../../src/frame/measure.js'
import { silent } from '../../src/log.js'
import type { Address } from '../../src/protocol.js'
import { Outbox } from '../../src/router/outbox.js'
import { AccountPool } from '../../src/router/pool.js'
import { MemorySpool } from '../../src/spool/memory.js'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { InboundMessage } from '../../src/transport/transport.js'
import { fakeClock, settle } from '../support/fake-clock.js'
import { channel, sendOptions, transportOf, until } from './support.js'

let emulator: SlackEmulator

afterEach(() => emulator.close())

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
    emulator = await startSlackEmulator()
    const from = emulator.addApp({ name: 'sender' })
    const to = emulator.addApp({ name: 'receiver' })
    const room = emulator.addChannel('bulk', [from.botUserId, to.botUserId])
    const payload = randomText(1024 * 1024)
    const keys = keyRing([randomBytes(32).toString('base64')])
    const limit = FRAME_LIMITS.slack
    const { frames } = await encode(payload, { to: 'a', from: 'b', limit, compress: 'always', keys, maxChunks: 10_000 })
    const sizes = frames.map(frame => measure(frame, limit))
    expect(sizes.filter(size => size > limit.size)).toEqual([])
    const use = Math.min(...sizes.slice(0, -1)) / limit.size
    expect(use).toBeGreaterThanOrEqual(0.98)

    const reassembler = new Reassembler({ maxChunks: 10_000, maxSenderBytes: 64 * 1024 * 1024 })
    const receiver = transportOf(emulator, to)
    const arrived = new Promise<string>((resolve, reject) => {
      receiver
        .listen(async ({ text }) => {
          const frame = parseEcho(text)
          if (typeof frame === 'string') throw new Error(frame)
          const flags = readFlags(frame.flags)
          const { compressed, encrypted, chunk } = flags
          const key = {
            platform: 'slack',
            conversation: room,
            sender: 's',
            to: 'a',
            from: 'b',
            compressed,
            encrypted,
          } as const
          if (chunk === undefined) throw new Error('one frame')
          const whole = reassembler.accept(key, chunk, frame.payload)
          if (whole !== undefined) resolve(decode(whole, flags, { keys, maxBytes: 2 ** 24 }))
        })
        .catch(reject)
    })
    const sender = transportOf(emulator, from)
    for (const text of frames) await sender.send(channel(room), { text }, sendOptions())
    const received = await arrived
    expect(Buffer.from(received).equals(Buffer.from(payload))).toBe(true)
    expect(emulator.messages).toHaveLength(frames.length)
    await sender.close()
    await receiver.close()
    reassembler.close()
    report(`1 MiB: ${frames.length} frames, 0 over the limit, least use of a full frame ${(use * 100).toFixed(2)} %`)
  }, 60_000)
})

describe('a connection that is cut 200 times in 5,000 messages', () => {
  it.each([
    ['after they were delivered', 0],
    ['while acceptance takes a moment', 2],
  ])(
    'loses nothing that Slack repeats and delivers nothing twice: %s',
    async (_what, slowness) => {
      emulator = await startSlackEmulator({ sockets: { ackTimeoutMs: 200, retries: 50 } })
      const app = emulator.addApp({ name: 'router' })
      const ann = emulator.addUser({ name: 'ann' })
      const room = emulator.addChannel('general', [app.botUserId, ann.id])
      const before = { descriptors: descriptors(), timers: timers() }
      const transport = transportOf(emulator, app)
      const heard: InboundMessage[] = []
      await transport.listen(async message => {
        heard.push(message)
        if (slowness > 0) await new Promise(resolve => setTimeout(resolve, Math.random() * slowness))
      })
      let cuts = 0
      for (let sent = 0; sent < 5_000; sent++) {
        emulator.say(room, ann.id, String(sent))
        if (Math.random() < (200 - cuts) / (5_000 - sent)) {
          // Some cuts hit what is on its way, others come right after a new socket is there.
          if (Math.random() < 0.5) await until(() => emulator.connections(app).length > 0)
          if (Math.random() < 0.3) await settle()
          emulator.cut()
          cuts++
        }
        if (sent % 50 === 0) await settle()
      }
      await until(() => emulator.unacked === 0, 30_000)
      const ids = new Set(heard.map(message => message.text))
      expect([cuts, emulator.lost.length, ids.size, heard.length]).toEqual([200, 0, 5_000, 5_000])
      const repeated = emulator.envelopes - 5_000
      await transport.close()
      await until(() => emulator.connections().length === 0)
      await until(() => descriptors() <= before.descriptors && timers() <= before.timers)
      report(`200 cuts, ${heard.length} of 5000 delivered, 0 twice, ${repeated} repetitions absorbed`)
    },
    60_000,
  )
})

describe('a storm of 429', () => {
  let clock: ReturnType<typeof fakeClock>

  beforeEach(async () => {
    clock = fakeClock()
    emulator = await startSlackEmulator({ clock, limits: { perChannelMs: 1_000 } })
  })

  it.each([
    [1, 1],
    [2, 1],
    [4, 1],
    [2, 2],
  ])(
    'is waited out in order, as fast as %i tokens may go; channels: %i',
    async (tokens, channels) => {
      const apps = Array.from({ length: tokens }, (_, i) => emulator.addApp({ name: `bot${i}` }))
      const rooms = ['one', 'two'].slice(0, channels).map(name =>
        emulator.addChannel(
          name,
          apps.map(app => app.botUserId),
        ),
      )
      const pool = new AccountPool(clock, Math.random)
      for (const app of apps) pool.add(transportOf(emulator, app, { clock }))
      const attempts = new Map<string, number>()
      const settled: string[] = []
      const failed: string[] = []
      const outbox = new Outbox({
        spool: new MemorySpool({ clock }),
        dispatch: (entry, signal) => {
          attempts.set(entry.id, (attempts.get(entry.id) ?? 0) + 1)
          return pool.send(entry.to as Address, { text: entry.text }, { signal, idempotencyKey: entry.id })
        },
        clock,
        random: Math.random,
        logger: silent,
        onSettled: (entry, error) => (error === undefined ? settled : failed).push(entry.id),
      })
      await outbox.start()
      const start = clock.now()
      const each = 40
      for (let i = 0; i < each; i++) {
        for (const room of rooms) {
          const to = channel(room)
          await outbox.accept({ id: `${room}/${i}`, lane: room, to, text: String(i), acceptedAt: clock.now() })
        }
      }
      while (settled.length + failed.length < channels * each) {
        // Time stands still while anything is on its way.
        do await settle()
        while (pool.accounts().some(account => account.busy > 0))
        if (clock.next !== undefined) await clock.advance(clock.next)
      }
      const took = Math.max(...emulator.calls.filter(call => call.status === 200).map(call => call.at)) - start
      const least = (Math.ceil(each / tokens) - 1) * 1_000
      for (const room of rooms) {
        const texts = emulator.messages.filter(message => message.channel === room).map(message => message.text)
        expect(texts).toEqual(Array.from({ length: each }, (_, i) => String(i)))
      }
      expect(failed).toEqual([])
      expect(Math.max(...attempts.values())).toBeLessThanOrEqual(4)
      expect(took).toBeLessThanOrEqual(least * 1.1)
      expect(took).toBeGreaterThanOrEqual(least)
      const refused = emulator.calls.filter(call => call.status === 429).length
      report(`${tokens} tokens, ${channels} channels: ${took} ms, the limits allow ${least} ms; ${refused} times 429`)
      await outbox.close()
      await pool.close()
    },
    60_000,
  )
})

function descriptors(): number {
  // Elsewhere than on Linux there is nothing to count.
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0
}

function timers(): number {
  return process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length
}

/** Figures for whoever runs the suite. */
function report(line: string): void {
  process.stdout.write(`      slack: ${line}\n`)
}
