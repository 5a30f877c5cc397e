import { afterEach, describe, expect, it } from 'vitest'
import { DISCORD_BOT, type DiscordEmulator } from '../../src/testing/discord/emulator.js'
import type { TransportOptions } from '../../src/transport/open.js'
import type { InboundMessage, Transport, TransportStatus } from '../../src/transport/transport.js'
import { type FakeClock, fakeClock, settle } from '../support/fake-clock.js'
import { Bench, listening, memoryLogger, states, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

/** A transport that is live, on a clock that stands still. */
async function live(options: Parameters<Bench['emulator']>[0] & Partial<TransportOptions> = {}): Promise<{
  clock: FakeClock
  emulator: DiscordEmulator
  transport: Transport
  heard: InboundMessage[]
  seen: TransportStatus[]
  logger: ReturnType<typeof memoryLogger>
}> {
  const clock = fakeClock()
  const logger = memoryLogger()
  const { random = () => 0.5, ...rest } = options
  const emulator = await bench.emulator({ clock, ...rest })
  const transport = bench.transport(emulator, { clock, logger, random })
  const seen = states(transport)
  const heard = await listening(transport)
  await until(() => seen.at(-1)?.state === 'live')
  return { clock, emulator, transport, heard, seen, logger }
}

/** Lets time pass in small steps, with turns for the sockets between, until `condition` holds. */
async function passUntil(clock: FakeClock, condition: () => boolean, step = 500): Promise<void> {
  for (let turn = 0; turn < 2_000 && !condition(); turn++) {
    await clock.advance(step)
    await settle()
  }
  expect(condition()).toBe(true)
}

describe('the handshake', () => {
  it('identifies with the intents for text in servers and direct channels', async () => {
    const { emulator, seen } = await live()
    const [identify] = emulator.gateway.sent(2)
    expect(identify?.d).toMatchObject({ token: 'discord-token', intents: 37376 })
    expect(identify?.url).toBe('/?v=10&encoding=json')
    expect(seen.map(status => status.state)).toEqual(['connecting', 'live'])
  })

  it('beats first after a random part of the interval, then regularly', async () => {
    const { clock, emulator } = await live({ heartbeatInterval: 40_000, random: () => 0.25 })
    const begun = clock.now()
    await clock.advance(9_999)
    expect(emulator.gateway.sent(1)).toHaveLength(0)
    await clock.advance(1)
    await until(() => emulator.gateway.sent(1).length === 1)
    await clock.advance(40_000)
    await until(() => emulator.gateway.sent(1).length === 2)
    expect(emulator.gateway.sent(1).map(({ at, d }) => [at - begun, d])).toEqual([
      [10_000, 1],
      [50_000, 1],
    ])
  })

  it('beats at once when asked, but never so often that the connection is dropped', async () => {
    const { emulator } = await live()
    for (let i = 0; i < 200; i++) emulator.gateway.requestHeartbeat()
    await until(() => emulator.gateway.sent(1).length === 113)
    await settle()
    // 120 a minute, one for the identify, six kept for the beats that are due.
    expect(emulator.gateway.sent(1)).toHaveLength(113)
    expect(emulator.gateway.closes).toEqual([])
  })

  it('gives up on a gateway that does not say hello, and tries again', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    emulator.gateway.silence.hello = true
    const transport = bench.transport(emulator, { clock })
    const listen = listening(transport)
    await until(() => emulator.gateway.connections === 1)
    await clock.advance(30_000)
    await until(() => emulator.gateway.closes.length === 1)
    emulator.gateway.silence.hello = false
    await passUntil(clock, () => emulator.gateway.sent(2).length === 1)
    await listen
  })
})

describe('a dropped connection', () => {
  it.each<[string, (emulator: DiscordEmulator) => void]>([
    ['op 7', emulator => emulator.gateway.reconnect()],
    ['a cut', emulator => emulator.gateway.cut()],
    ['op 9 true', emulator => emulator.gateway.invalidate(true)],
    ...[4000, 4001, 4002, 4242, 1001, 1011].map((code): [string, (emulator: DiscordEmulator) => void] => [
      `close ${code}`,
      emulator => emulator.gateway.closeAll(code),
    ]),
  ])('is resumed after %s, and what was missed is heard once', async (_name, disturb) => {
    const { clock, emulator, heard, seen } = await live()
    emulator.post({ channelId: '1234', content: 'before' })
    await until(() => heard.length === 1)
    disturb(emulator)
    await until(() => seen.at(-1)?.state === 'reconnecting')
    emulator.post({ channelId: '1234', content: 'missed' })
    await passUntil(clock, () => heard.length === 2)
    expect(heard.map(message => message.text)).toEqual(['before', 'missed'])
    await until(() => seen.at(-1)?.state === 'live')
    const [resume] = emulator.gateway.sent(6)
    expect(resume).toMatchObject({ url: '/resume?v=10&encoding=json', d: { token: 'discord-token', seq: 2 } })
    expect(emulator.gateway.sent(2)).toHaveLength(1)
  })

  it.each([1000, 4003, 4005, 4007, 4008, 4009])('begins a new session after close %i', async code => {
    const { clock, emulator, heard, seen } = await live()
    emulator.gateway.closeAll(code)
    await until(() => seen.at(-1)?.state === 'reconnecting')
    await passUntil(clock, () => emulator.gateway.sent(2).length === 2)
    await until(() => seen.at(-1)?.state === 'live')
    emulator.post({ channelId: '1234', content: 'after' })
    await until(() => heard.length === 1)
    expect(emulator.gateway.sent(6)).toHaveLength(0)
  })

  it.each([
    [4004, 'auth-failed'],
    [4010, 'config-invalid'],
    [4011, 'unsupported'],
    [4012, 'unsupported'],
    [4013, 'unsupported'],
    [4014, 'forbidden'],
  ])('is given up after close %i: %s', async (code, expected) => {
    const { clock, emulator, seen, logger } = await live()
    emulator.gateway.closeAll(code)
    await until(() => seen.at(-1)?.state === 'failed')
    expect(seen.at(-1)).toMatchObject({ error: { code: expected, retryable: false } })
    expect(logger.lines.filter(line => line.level === 'error')).toHaveLength(1)
    await clock.advance(600_000)
    expect(emulator.gateway.connections).toBe(0)
  })

  it('begins a new session one to five seconds after op 9 false', async () => {
    const { clock, emulator, seen } = await live({ random: () => 0.25 })
    emulator.gateway.invalidate(false)
    await until(() => seen.at(-1)?.state === 'reconnecting')
    expect(seen.at(-1)).toMatchObject({ delayMs: 2000 })
    await until(() => emulator.gateway.closes.at(-1)?.code === 1000)
    await passUntil(clock, () => emulator.gateway.sent(2).length === 2)
    expect(emulator.gateway.sent(6)).toHaveLength(0)
  })

  it('begins a new session when the old one is gone', async () => {
    const { clock, emulator, seen } = await live()
    emulator.gateway.cut()
    emulator.gateway.expire()
    await until(() => seen.at(-1)?.state === 'reconnecting')
    await passUntil(clock, () => emulator.gateway.sent(2).length === 2)
    expect(emulator.gateway.sent(6)).toHaveLength(1)
  })

  it('begins a new session when resumes lead nowhere for a while', async () => {
    const { clock, emulator, seen } = await live()
    emulator.gateway.silence.ready = true
    emulator.gateway.cut()
    await until(() => seen.at(-1)?.state === 'reconnecting')
    const begun = clock.now()
    await passUntil(clock, () => emulator.gateway.sent(2).length === 2, 5_000)
    emulator.gateway.silence.ready = false
    await passUntil(clock, () => seen.at(-1)?.state === 'live', 5_000)
    expect(emulator.gateway.sent(6).length).toBeGreaterThanOrEqual(3)
    expect(clock.now() - begun).toBeGreaterThanOrEqual(15_000)
  })

  it('keeps its session while nothing can be reached at all', async () => {
    const { clock, emulator, heard, seen } = await live()
    emulator.gateway.refuse = 503
    emulator.fail({ answer: 'drop', on: /gateway/, times: 1_000 })
    emulator.gateway.cut()
    await until(() => seen.at(-1)?.state === 'reconnecting')
    emulator.post({ channelId: '1234', content: 'missed' })
    await passUntil(clock, () => emulator.calls.filter(call => call.path.endsWith('/gateway/bot')).length >= 4, 5_000)
    emulator.gateway.refuse = undefined
    emulator.heal()
    await passUntil(clock, () => heard.length === 1, 5_000)
    await until(() => seen.at(-1)?.state === 'live')
    expect(emulator.gateway.sent(2)).toHaveLength(1)
  })

  it('is found dead when a heartbeat has no answer', async () => {
    const { clock, emulator, heard, seen } = await live({ heartbeatInterval: 40_000 })
    emulator.gateway.silence.acks = true
    await clock.advance(20_000)
    await until(() => emulator.gateway.sent(1).length === 1)
    await clock.advance(10_000)
    await until(() => seen.at(-1)?.state === 'stale')
    emulator.post({ channelId: '1234', content: 'alive' })
    await until(() => seen.at(-1)?.state === 'live')
    await clock.advance(30_000)
    await until(() => emulator.gateway.closes.length === 1)
    expect(emulator.gateway.closes[0]?.code).toBe(4900)
    emulator.gateway.silence.acks = false
    await passUntil(clock, () => emulator.gateway.sent(6).length === 1)
    // What the last connection still owed says nothing about this one.
    await until(() => seen.at(-1)?.state === 'live')
    const before = emulator.gateway.sent(1).length
    await passUntil(clock, () => emulator.gateway.sent(1).length === before + 3, 5_000)
    expect(emulator.gateway.sent(6)).toHaveLength(1)
    expect(heard).toHaveLength(1)
  })
})

describe('the identify budget', () => {
  it('is waited for when none is left', async () => {
    const clock = fakeClock()
    const logger = memoryLogger()
    const emulator = await bench.emulator({ clock, identifyTotal: 1 })
    const transport = bench.transport(emulator, { clock, logger })
    const seen = states(transport)
    await listening(transport)
    emulator.gateway.closeAll(4009)
    await passUntil(clock, () => logger.lines.some(line => line.level === 'warn'))
    expect(seen.at(-1)).toMatchObject({ state: 'reconnecting', delayMs: 14_400_000 })
    emulator.gateway.renewIdentifies()
    await clock.advance(14_399_999)
    expect(emulator.gateway.sent(2)).toHaveLength(1)
    await clock.advance(1)
    await until(() => emulator.gateway.sent(2).length === 2)
  })

  it('allows so many sessions in five seconds', async () => {
    const { clock, emulator } = await live({ maxConcurrency: 1, random: () => 0 })
    const [first] = emulator.gateway.sent(2)
    emulator.gateway.closeAll(4009)
    await passUntil(clock, () => emulator.gateway.sent(2).length === 2, 100)
    expect((emulator.gateway.sent(2)[1]?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(5_000)
    expect(emulator.gateway.closes.map(({ code }) => code)).toEqual([4009])
  })
})

describe('listening', () => {
  it('fails at once for a token that Discord does not know', async () => {
    const emulator = await bench.emulator()
    const logger = memoryLogger()
    const transport = bench.transport(emulator, { logger }, 'a-wrong-token')
    await expect(transport.listen(async () => {})).rejects.toMatchObject({ code: 'auth-failed' })
    expect(JSON.stringify(logger.lines)).not.toContain('a-wrong-token')
  })

  it('fails at once when the portal does not allow the intent', async () => {
    const emulator = await bench.emulator({ bots: [{ ...DISCORD_BOT, mayReadText: false }] })
    const listen = bench.transport(emulator).listen(async () => {})
    await expect(listen).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('waits for Discord to come back', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    emulator.fail({ answer: { status: 503, text: 'down' }, on: /gateway/, times: 3 })
    const transport = bench.transport(emulator, { clock, random: () => 0.9 })
    let done = false
    const listen = transport
      .listen(async () => {})
      .then(() => {
        done = true
      })
    await passUntil(clock, () => done)
    await listen
    expect(emulator.calls.map(call => call.status)).toEqual([503, 503, 503, 200])
  })

  it('ends when the transport is closed, with no timer and no socket left', async () => {
    const { clock, emulator, transport, seen } = await live()
    await transport.close()
    await transport.close()
    await until(() => emulator.gateway.connections === 0)
    expect(emulator.gateway.closes.map(({ code }) => code)).toEqual([1000])
    expect(clock.pending).toBe(0)
    expect(seen.at(-1)).toEqual({ state: 'closed' })
    await expect(transport.listen(async () => {})).resolves.toBeUndefined()
  })

  it('can be closed before it is live', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    emulator.gateway.silence.hello = true
    const transport = bench.transport(emulator, { clock })
    const listen = transport.listen(async () => {}).catch(error => error)
    await until(() => emulator.gateway.connections === 1)
    await transport.close()
    expect(await listen).toMatchObject({ code: 'closed' })
    expect(clock.pending).toBe(0)
  })

  it('survives frames that are not what the spec says, and repeats none of them', async () => {
    const { emulator, heard, logger } = await live()
    for (const text of [
      'very private {',
      '[]',
      '{"op":"very private"}',
      '{"op":10,"d":{"heartbeat_interval":"very private"}}',
      '{"op":0,"t":"MESSAGE_CREATE","s":"x","d":{}}',
      '{"op":99,"d":"very private"}',
    ]) {
      emulator.gateway.sendRaw(text)
    }
    emulator.gateway.dispatch('MESSAGE_CREATE', { id: 7, content: 'very private' })
    emulator.gateway.dispatch('TYPING_START', { user: 'very private' })
    emulator.post({ channelId: '1234', content: 'fine' })
    await until(() => heard.length === 1)
    const warned = logger.lines.filter(line => line.level === 'warn')
    expect(warned.map(line => line.fields['count'])).toEqual([1, 2, 3, 4, 5, 6])
    expect(JSON.stringify(logger.lines)).not.toContain('very private')
    expect(emulator.gateway.closes).toEqual([])
  })
})
