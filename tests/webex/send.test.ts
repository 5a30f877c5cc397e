import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stripMention } from '../../src/frame/mention.js'
import { startWebexEmulator, type WebexEmulator } from '../../src/testing/webex/emulator.js'
import type { EmulatedWebexAccount, EmulatedWebexRoom } from '../../src/testing/webex/world.js'
import type { Transport } from '../../src/transport/transport.js'
import { address, listenTo, recorder, sendOptions, transportOf, until } from './support.js'

let emulator: WebexEmulator
let bot: EmulatedWebexAccount
let ann: EmulatedWebexAccount
let room: EmulatedWebexRoom
let transport: Transport
let logger: ReturnType<typeof recorder>

beforeEach(async () => {
  emulator = await startWebexEmulator()
  bot = emulator.addBot('router')
  ann = emulator.addPerson('Ann Lee', 'ann@example.com')
  room = emulator.addRoom(bot, ann)
  logger = recorder()
  transport = transportOf(emulator, bot, { logger })
})

afterEach(async () => {
  await transport.close()
  await emulator.close()
})

const text = './echo:deploy:ci:-:start'

describe('sending to Webex', () => {
  it('reaches rooms, e-mail addresses and people, and threads', async () => {
    const receipt = await transport.send(address('room', room.id), { text }, sendOptions())
    await transport.send(address('email', 'ann@example.com'), { text }, sendOptions())
    await transport.send(address('person', ann.id), { text }, sendOptions())
    await transport.send(address('room', room.id, receipt.messageId), { text }, sendOptions())
    const direct = emulator.directRoom(bot, ann)
    expect(emulator.messages.map(({ room: { id }, json }) => [id, json['text'], json['parentId']])).toEqual([
      [room.id, text, undefined],
      [direct.id, text, undefined],
      [direct.id, text, undefined],
      [room.id, text, receipt.messageId],
    ])
    expect(receipt.messageId).toBe(emulator.messages[0]?.id)
    expect(receipt.messageId).not.toContain('=')
    expect(emulator.calls.every(call => call.authorization === `Bearer ${bot.token}`)).toBe(true)
  })

  it('sends one card, and no second', async () => {
    const card = { type: 'AdaptiveCard', version: '1.3', body: [] }
    await transport.send(address('room', room.id), { text, cards: [card] }, sendOptions())
    expect(emulator.messages[0]?.json['attachments']).toEqual([
      { contentType: 'application/vnd.microsoft.card.adaptive', content: card },
    ])
    const two = transport.send(address('room', room.id), { text, cards: [card, card] }, sendOptions())
    await expect(two).rejects.toMatchObject({ code: 'platform-rejected', retryable: false })
  })

  it.each([
    ['e-mail', 'email'],
    ['id', 'person'],
  ] as const)('mentions a bot in a group room by %s, so that it hears the frame unchanged', async (_how, kind) => {
    const agent = emulator.addBot('my agent')
    const group = emulator.addRoom(bot, agent)
    const other = transportOf(emulator, agent)
    const heard = await listenTo(other)
    const odd = 'deploy:ci:-:*a* _b_ `c` <d> & \\ [x](y) ~~e~~ #f | é😀'
    const mention = address(kind, kind === 'email' ? agent.email : agent.id)
    await transport.send(address('room', group.id), { text: odd }, sendOptions())
    await transport.send(address('room', group.id), { text: odd, mention }, sendOptions())
    await until(() => heard.length === 1)
    expect(heard[0]?.text).toBe(`my agent ${odd}`)
    expect(stripMention(heard[0]?.text ?? '', heard[0]?.mentions)).toBe(odd)
    await other.close()
  })

  it('sends trains and what leaves no room for a mention directly', async () => {
    const agent = emulator.addBot('agent')
    const group = emulator.addRoom(bot, agent)
    const mention = address('email', agent.email)
    const frames = [`a:b:1/2:${'x'.repeat(7_000)}`, 'a:b:2/2:x', `a:b:-:${'x'.repeat(7_430)}`, 'a:b:-:x']
    for (const frame of frames) {
      await transport.send(address('room', group.id), { text: frame, mention }, sendOptions())
    }
    const direct = emulator.directRoom(bot, agent)
    expect(emulator.messages.map(message => message.room)).toEqual([direct, direct, direct, group])
    expect(emulator.messages.slice(0, 3).map(message => message.text)).toEqual(frames.slice(0, 3))
  })

  it('does not let an address break out of the mention', async () => {
    for (const id of ['a@b> x', 'a|b', 'a b', '<x']) {
      await transport.send(address('room', room.id), { text, mention: address('email', id) }, sendOptions())
    }
    expect(emulator.messages.every(({ json }) => json['markdown'] === undefined)).toBe(true)
  })

  it('fills 7,439 bytes and no more', async () => {
    await transport.send(address('room', room.id), { text: `${'é'.repeat(3_719)}x` }, sendOptions())
    const more = transport.send(address('room', room.id), { text: 'é'.repeat(3_720) }, sendOptions())
    await expect(more).rejects.toMatchObject({ code: 'frame-too-large' })
    expect(emulator.messages).toHaveLength(1)
  })
})

describe('failures', () => {
  it.each([
    ['a wrong token', 401, 'auth-failed', false],
    ['a forbidden room', 403, 'forbidden', false],
    ['an unknown room', 404, 'target-not-found', false],
    ['what Webex does not like', 400, 'platform-rejected', false],
    ['an outage', 503, 'platform-unavailable', true],
  ] as const)('%s (%i) is %s', async (_what, status, code, retryable) => {
    emulator.plan('POST /v1/messages', { status, json: { message: 'hush-hush', trackingId: 'T' } })
    const sent = transport.send(address('room', room.id), { text: 'hush-hush' }, sendOptions())
    await expect(sent).rejects.toMatchObject({ code, retryable })
    const shown = logger.lines.map(line => [line.level, line.fields['code']])
    expect(shown).toEqual(retryable ? [] : [['warn', code]])
    expect(JSON.stringify(logger.lines) + String(logger.lines[0]?.fields['error'])).not.toMatch(/hush|tok-/)
  })

  it('really refuses a wrong token, a room that the bot is not in and one that is none', async () => {
    const strange = transportOf(emulator, { ...bot, token: 'tok-wrong' })
    const elsewhere = emulator.addRoom(ann)
    const cases = [
      [strange, address('room', room.id), 'auth-failed'],
      [transport, address('room', elsewhere.id), 'forbidden'],
      [transport, address('room', 'nowhere'), 'target-not-found'],
      [transport, address('email', 'nobody@example.com'), 'target-not-found'],
      [transport, { platform: 'webex', kind: 'channel', id: 'x' }, 'target-invalid'],
      [transport, { platform: 'slack', kind: 'channel', id: 'x' }, 'target-invalid'],
    ] as const
    for (const [by, to, code] of cases)
      await expect(by.send(to, { text }, sendOptions())).rejects.toMatchObject({ code })
    await strange.close()
  })

  it.each([
    [429, '7', 7_000],
    [429, '0', 1_000],
    [429, undefined, 15_000],
    [429, 'soon', 15_000],
    [423, '2', 2_000],
  ])('%i with Retry-After %s waits %i ms', async (status, after, retryAfterMs) => {
    emulator.plan('POST /v1/messages', { status, headers: after === undefined ? {} : { 'retry-after': after } })
    const sent = transport.send(address('room', room.id), { text }, sendOptions())
    await expect(sent).rejects.toMatchObject({ code: 'rate-limited', retryable: true, retryAfterMs })
  })

  it('an aborted send and a closed transport say so', async () => {
    const aborted = transport.send(address('room', room.id), { text }, sendOptions(AbortSignal.abort()))
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' })
    await transport.close()
    const late = transport.send(address('room', room.id), { text }, sendOptions())
    await expect(late).rejects.toMatchObject({ code: 'closed' })
    await expect(transport.listen(async () => {})).rejects.toMatchObject({ code: 'closed' })
  })
})
