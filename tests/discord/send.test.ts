import { afterEach, describe, expect, it } from 'vitest'
import { DISCORD_BOT } from '../../src/testing/discord/emulator.js'
import { tooMany } from '../../src/testing/discord/rates.js'
import { RateBudget } from '../../src/transport/discord/budget.js'
import { fakeClock, settle } from '../support/fake-clock.js'
import { Bench, CHANNEL, keyed, memoryLogger } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const ASTRAL = '😀'

describe('a message to a channel', () => {
  it('pings nobody, shows no previews and says what program sends it', async () => {
    const emulator = await bench.emulator()
    const receipt = await bench.transport(emulator).send(CHANNEL, { text: 'a:b:-:@everyone' }, keyed('k1'))
    const call = emulator.calls[0]
    expect(receipt.messageId).toBe(emulator.messages[0]?.id)
    expect(call?.body).toEqual({
      content: 'a:b:-:@everyone',
      flags: 4,
      allowed_mentions: { parse: [] },
      enforce_nonce: true,
      nonce: expect.stringMatching(/^[\w-]{25}$/),
    })
    expect(call?.headers['user-agent']).toMatch(/^DiscordBot \(https:\/\/\S+, \d/)
    expect(call?.headers.authorization).toBe('Bot discord-token')
  })

  it('arrives once however often it is repeated with the same key', async () => {
    const emulator = await bench.emulator()
    const transport = bench.transport(emulator)
    emulator.fail({ answer: 'lose' })
    await expect(transport.send(CHANNEL, { text: 'once' }, keyed('k1'))).rejects.toMatchObject({
      code: 'platform-unavailable',
      retryable: true,
    })
    const again = await transport.send(CHANNEL, { text: 'once' }, keyed('k1'))
    expect(emulator.messages).toHaveLength(1)
    expect(again.messageId).toBe(emulator.messages[0]?.id)
    await transport.send(CHANNEL, { text: 'once' }, keyed('k2'))
    expect(emulator.messages).toHaveLength(2)
  })

  it('may hold 2,000 code points, however many bytes or UTF-16 units those are', async () => {
    const emulator = await bench.emulator()
    const transport = bench.transport(emulator)
    await transport.send(CHANNEL, { text: ASTRAL.repeat(2000) }, keyed('k1'))
    const long = transport.send(CHANNEL, { text: `${ASTRAL.repeat(2000)}x` }, keyed('k2'))
    await expect(long).rejects.toMatchObject({ code: 'frame-too-large', retryable: false })
    expect(emulator.calls).toHaveLength(1)
  })

  it('shows cards as embeds', async () => {
    const emulator = await bench.emulator()
    await bench.transport(emulator).send(CHANNEL, { text: 'x', cards: [{ title: 'done' }] }, keyed('k1'))
    expect(emulator.messages[0]?.embeds).toEqual([{ type: 'rich', title: 'done' }])
    const eleven = Array.from({ length: 11 }, () => ({ title: 'x' }))
    const refused = bench.transport(emulator).send(CHANNEL, { text: 'x', cards: eleven }, keyed('k2'))
    await expect(refused).rejects.toMatchObject({ code: 'platform-rejected' })
  })

  it('goes to Discord addresses only', async () => {
    const emulator = await bench.emulator()
    const transport = bench.transport(emulator)
    const slack = { platform: 'slack', kind: 'channel', id: 'C0123' } as const
    await expect(transport.send(slack, { text: 'x' }, keyed('k'))).rejects.toMatchObject({ code: 'target-invalid' })
    await transport.close()
    await expect(transport.send(CHANNEL, { text: 'x' }, keyed('k'))).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('a message to a person', () => {
  const user = (id: string) => ({ platform: 'discord', kind: 'user', id }) as const

  it('opens the direct channel once', async () => {
    const emulator = await bench.emulator()
    const transport = bench.transport(emulator)
    await transport.send(user('42'), { text: 'one' }, keyed('k1'))
    await transport.send(user('42'), { text: 'two' }, keyed('k2'))
    expect(emulator.calls.filter(call => call.path.endsWith('/users/@me/channels'))).toHaveLength(1)
    const channel = emulator.directChannel(DISCORD_BOT.id, '42').id
    expect(emulator.messages.map(message => message.channel_id)).toEqual([channel, channel])
  })

  it('is refused for good when that is a bot, or a person who takes none', async () => {
    const emulator = await bench.emulator()
    emulator.addUser({ id: '44', username: 'helper', bot: true })
    emulator.addUser({ id: '45', username: 'shy', takesDirect: false })
    const transport = bench.transport(emulator)
    for (const id of ['44', '45']) {
      await expect(transport.send(user(id), { text: 'x' }, keyed(id))).rejects.toMatchObject({
        code: 'target-invalid',
        retryable: false,
      })
    }
    await expect(transport.send(user('46'), { text: 'x' }, keyed('k'))).rejects.toMatchObject({
      code: 'target-not-found',
    })
  })
})

describe('a refusal', () => {
  it.each([
    ['missing access', 50001, 'forbidden'],
    ['missing permissions', 50013, 'forbidden'],
    ['closed direct messages', 50007, 'target-invalid'],
    ['a voice channel', 50008, 'target-invalid'],
  ])('for %s is %s: %s, in the log without secret or payload', async (_name, denied, code) => {
    const emulator = await bench.emulator()
    emulator.addChannel({ id: '77', type: 0, name: 'closed', guildId: '9', denied })
    const logger = memoryLogger()
    const transport = bench.transport(emulator, { logger })
    const sent = transport.send({ ...CHANNEL, id: '77' }, { text: 'very private' }, keyed('k'))
    await expect(sent).rejects.toMatchObject({ code, retryable: false })
    const warned = logger.lines.filter(line => line.level === 'warn')
    expect(warned.map(line => line.fields['code'])).toEqual([code])
    expectNoSecret(logger.lines)
  })

  it('for an unknown channel names that', async () => {
    const transport = bench.transport(await bench.emulator())
    const sent = transport.send({ ...CHANNEL, id: '5' }, { text: 'x' }, keyed('k'))
    await expect(sent).rejects.toMatchObject({ code: 'target-not-found' })
  })

  it('for the token is final', async () => {
    const emulator = await bench.emulator()
    const logger = memoryLogger()
    const transport = bench.transport(emulator, { logger }, 'a-wrong-token')
    const sent = transport.send(CHANNEL, { text: 'very private' }, keyed('k'))
    await expect(sent).rejects.toMatchObject({ code: 'auth-failed', retryable: false })
    expect(logger.lines.map(line => [line.level, line.fields['code']])).toEqual([['warn', 'auth-failed']])
    expectNoSecret(logger.lines)
  })

  it.each([
    ['too long', { content: { _errors: [{ code: 'BASE_TYPE_MAX_LENGTH', message: 'x' }] } }, 'frame-too-large'],
    [
      'otherwise malformed',
      { embeds: { _errors: [{ code: 'MAX_EMBED_SIZE_EXCEEDED', message: 'x' }] } },
      'platform-rejected',
    ],
  ])('of a body that is %s', async (_name, errors, code) => {
    const emulator = await bench.emulator()
    emulator.fail({ answer: { status: 400, json: { code: 50035, message: 'Invalid Form Body', errors } } })
    const sent = bench.transport(emulator).send(CHANNEL, { text: 'x' }, keyed('k'))
    await expect(sent).rejects.toMatchObject({ code, retryable: false })
  })

  it.each([
    [500, { code: 0, message: '500' }],
    [502, undefined],
    [503, { code: 130000, message: 'overloaded' }],
  ])('with %i may pass', async (status, json) => {
    const emulator = await bench.emulator()
    emulator.fail({ answer: { status, json } })
    const sent = bench.transport(emulator).send(CHANNEL, { text: 'x' }, keyed('k'))
    await expect(sent).rejects.toMatchObject({ code: 'platform-unavailable', retryable: true })
  })

  it.each([
    ['user', tooMany('user', 1234), 1234],
    ['global', tooMany('global', 2000), 2000],
    ['shared', tooMany('shared', 500), 500],
    ['slow mode', { status: 429, json: { code: 20016, message: 'slow', retry_after: 7.5 } }, 7500],
    ['the proxy in front', { status: 429, headers: { 'retry-after': '3' }, text: 'error code: 1015' }, 3000],
  ] as const)('for the rate of %s says how long to wait', async (_name, answer, retryAfterMs) => {
    const emulator = await bench.emulator()
    emulator.fail({ answer })
    const transport = bench.transport(emulator, { role: 'router' })
    const sent = transport.send(CHANNEL, { text: 'x' }, keyed('k'))
    await expect(sent).rejects.toMatchObject({ code: 'rate-limited', retryable: true, retryAfterMs })
    // Nobody asks again before the time is up.
    await expect(transport.send(CHANNEL, { text: 'x' }, keyed('k'))).rejects.toMatchObject({ code: 'rate-limited' })
    expect(emulator.calls).toHaveLength(1)
  })
})

describe('the budget', () => {
  it('of a channel is waited for by a peer, so that no request is refused', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    const transport = bench.transport(emulator, { clock })
    const sends = Array.from({ length: 12 }, (_, i) => transport.send(CHANNEL, { text: `m${i}` }, keyed(`k${i}`)))
    const all = Promise.all(sends)
    await waitUntil(() => emulator.messages.length === 5)
    await clock.advance(5000)
    await waitUntil(() => emulator.messages.length === 10)
    await clock.advance(5000)
    await all
    expect(emulator.calls.every(call => call.status === 200)).toBe(true)
    expect(emulator.messages.map(message => message.content)).toEqual(sends.map((_, i) => `m${i}`))
    expect(clock.pending).toBe(0)
  })

  it('of a channel is not waited for by a router: another account may have room', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    const transport = bench.transport(emulator, { clock, role: 'router' })
    for (let i = 0; i < 5; i++) await transport.send(CHANNEL, { text: `m${i}` }, keyed(`k${i}`))
    const sixth = transport.send(CHANNEL, { text: 'm5' }, keyed('k5'))
    await expect(sixth).rejects.toMatchObject({ code: 'rate-limited', retryAfterMs: 5000 })
    expect(emulator.calls).toHaveLength(5)
    await clock.advance(5000)
    await transport.send(CHANNEL, { text: 'm5' }, keyed('k5'))
    expect(emulator.calls.every(call => call.status === 200)).toBe(true)
  })

  it('of one channel does not hold up another', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    emulator.addChannel({ id: '1235', type: 0, name: 'other', guildId: '9' })
    const transport = bench.transport(emulator, { clock })
    for (let i = 0; i < 5; i++) await transport.send(CHANNEL, { text: `m${i}` }, keyed(`k${i}`))
    const waiting = transport.send(CHANNEL, { text: 'm5' }, keyed('k5'))
    await transport.send({ ...CHANNEL, id: '1235' }, { text: 'other' }, keyed('k6'))
    expect(emulator.messages).toHaveLength(6)
    await clock.advance(5000)
    await waiting
  })

  it('of the bot is 50 requests in a second', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock, rates: { message: false } })
    const transport = bench.transport(emulator, { clock })
    const all = Promise.all(
      Array.from({ length: 120 }, (_, i) => transport.send(CHANNEL, { text: `m${i}` }, keyed(`k${i}`))),
    )
    for (const count of [50, 100]) {
      await waitUntil(() => emulator.messages.length === count)
      await clock.advance(1000)
    }
    await all
    expect(emulator.calls.every(call => call.status === 200)).toBe(true)
  })

  it('of refused requests stops everything before Discord bans the address', async () => {
    const clock = fakeClock()
    const budget = new RateBudget({ clock, whenEmpty: 'wait', invalidMax: 3 })
    for (let i = 0; i < 3; i++) budget.refused()
    budget.limited('r', 'shared', 0)
    await expect(budget.take('r')).rejects.toMatchObject({ code: 'rate-limited', retryAfterMs: 660_000 })
    await clock.advance(660_000)
    await budget.take('r')
    budget.leave('r')
  })

  it('is left by whoever gives up waiting', async () => {
    const clock = fakeClock()
    const emulator = await bench.emulator({ clock })
    const transport = bench.transport(emulator, { clock })
    for (let i = 0; i < 5; i++) await transport.send(CHANNEL, { text: `m${i}` }, keyed(`k${i}`))
    const stop = new AbortController()
    const given = transport.send(CHANNEL, { text: 'given up' }, keyed('k5', stop.signal))
    const kept = transport.send(CHANNEL, { text: 'kept' }, keyed('k6'))
    await settle()
    stop.abort()
    await expect(given).rejects.toMatchObject({ code: 'aborted' })
    await clock.advance(5000)
    await kept
    expect(emulator.messages.at(-1)?.content).toBe('kept')
    const late = transport.send(CHANNEL, { text: 'late' }, keyed('k7')).catch(error => error)
    await settle()
    await transport.close()
    await late
    expect(clock.pending).toBe(0)
  })
})

function expectNoSecret(lines: unknown): void {
  const text = JSON.stringify(lines, (_key, value) => (value instanceof Error ? `${value.stack}` : value))
  expect(text).not.toMatch(/very private|discord-token|a-wrong-token/)
}

/** Real sockets take real time, whatever the clock says. */
async function waitUntil(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000 && !condition(); turn++) await settle()
  expect(condition()).toBe(true)
}
