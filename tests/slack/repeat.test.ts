import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import type { Address } from '../../src/protocol.js'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp } from '../../src/testing/slack/workspace.js'
import { markOf } from '../../src/transport/slack/outbound.js'
import type { Receipt, Transport } from '../../src/transport/transport.js'
import { type FakeClock, fakeClock } from '../support/fake-clock.js'
import { channel, pass, recorder, sendOptions, transportOf } from './support.js'

let emulator: SlackEmulator
let clock: FakeClock
let app: EmulatedSlackApp
let logger: ReturnType<typeof recorder>
let transport: Transport
let room: string

beforeEach(async () => {
  clock = fakeClock()
  emulator = await startSlackEmulator({ clock })
  app = emulator.addApp({ name: 'router' })
  room = emulator.addChannel('general', [app.botUserId])
  logger = recorder()
  transport = transportOf(emulator, app, { clock, logger })
})

afterEach(async () => {
  await transport.close()
  await emulator.close()
})

/** Sends as after a restart: what was accepted a minute ago may have arrived. */
async function sendAgain(to: Address, key: string, by: Transport = transport): Promise<Receipt> {
  let done = false
  const maybeSentSince = clock.now() - 60_000
  const sending = by.send(to, { text: key }, { ...sendOptions(), idempotencyKey: key, maybeSentSince }).finally(() => {
    done = true
  })
  sending.catch(() => {})
  await pass(clock, () => done)
  return sending
}

function send(to: Address, key: string): Promise<Receipt> {
  return transport.send(to, { text: key }, { ...sendOptions(), idempotencyKey: key })
}

const texts = (): readonly string[] => emulator.messages.map(({ text }) => text)
const calls = (method: string): number => emulator.calls.filter(call => call.method === method).length
const posts = (): number => calls('chat.postMessage')

describe('a message that may have arrived on Slack', () => {
  it.each([
    ['in a channel', () => channel(room)],
    ['in a thread', () => channel(room, emulator.say(room, 'U1', 'question').ts)],
    ['at a person', () => ({ platform: 'slack', kind: 'user', id: emulator.addUser({ name: 'ann' }).id }) as const],
  ])('is found %s, and not posted again', async (_where, to) => {
    const address = to()
    emulator.planAfter('chat.postMessage', 'drop')
    await expect(send(address, 'm1')).rejects.toMatchObject({ code: 'platform-unavailable' })
    const posted = emulator.messages.at(-1)
    const receipt = await sendAgain(address, 'm1')
    expect(receipt.messageId).toBe(`${posted?.channel}:${posted?.ts}`)
    expect(receipt.platformResponse).toMatchObject({ ok: true, ts: posted?.ts })
    expect([texts().filter(text => text === 'm1').length, posts()]).toEqual([1, 1])
  })

  it.each([
    ['in a channel', () => channel(room)],
    ['in a thread', () => channel(room, emulator.say(room, 'U1', 'question').ts)],
    ['at a person', () => ({ platform: 'slack', kind: 'user', id: emulator.addUser({ name: 'ann' }).id }) as const],
  ])('is posted when it is not there, %s', async (_where, to) => {
    const address = to()
    await send(address, 'other')
    emulator.plan('chat.postMessage', 'drop')
    await expect(send(address, 'm1')).rejects.toMatchObject({ code: 'platform-unavailable' })
    const receipt = await sendAgain(address, 'm1')
    expect(receipt.messageId).toBe(`${emulator.messages.at(-1)?.channel}:${emulator.messages.at(-1)?.ts}`)
    expect(texts().filter(text => text === 'm1')).toEqual(['m1'])
  })

  it('is found in a channel that is addressed by name, once something was posted there', async () => {
    await send(channel('#general'), 'other')
    emulator.planAfter('chat.postMessage', 'drop')
    await expect(send(channel('#general'), 'm1')).rejects.toMatchObject({ code: 'platform-unavailable' })
    const receipt = await sendAgain(channel('#general'), 'm1')
    expect(receipt.messageId).toBe(`${room}:${emulator.messages.at(-1)?.ts}`)
    expect(texts()).toEqual(['other', 'm1'])
  })

  it('is looked for no sooner than a second later: an earlier request may still be under way', async () => {
    const begun = clock.now()
    await sendAgain(channel(room), 'm1')
    expect(emulator.calls.map(({ method }) => method)).toEqual(['conversations.history', 'chat.postMessage'])
    expect(emulator.calls[0]?.at).toBeGreaterThanOrEqual(begun + 1_000)
  })

  it('is not looked for when no attempt can have arrived', async () => {
    await send(channel(room), 'm1')
    expect(emulator.calls.map(({ method }) => method)).toEqual(['chat.postMessage'])
  })

  it('is found on a later page, and on no page older than the message', async () => {
    emulator.limits.historyPage = 2
    emulator.say(room, 'U1', 'long ago')
    await clock.advance(10 * 60_000)
    for (const text of ['m1', 'm2', 'm3', 'm4']) await send(channel(room), text)
    await sendAgain(channel(room), 'm1')
    expect([texts().length, calls('conversations.history')]).toEqual([5, 2])
    await sendAgain(channel(room), 'm9')
    expect([texts().at(-1), calls('conversations.history')]).toEqual(['m9', 4])
  })

  it('is sent again when more was posted since than is looked through', async () => {
    emulator.limits.historyPage = 1
    for (let n = 0; n < 6; n++) await send(channel(room), `m${n}`)
    await sendAgain(channel(room), 'm0')
    expect([texts().filter(text => text === 'm0').length, calls('conversations.history')]).toEqual([2, 5])
    expect(logger.lines.map(({ level, msg }) => [level, msg])).toEqual([['info', expect.stringContaining('too much')]])
  })

  it('is found when another account of ours posted it', async () => {
    const second = emulator.addApp({ name: 'second' })
    const room2 = emulator.addChannel('both', [app.botUserId, second.botUserId])
    await send(channel(room2), 'm1')
    const other = transportOf(emulator, second, { clock })
    await sendAgain(channel(room2), 'm1', other)
    expect(texts()).toEqual(['m1'])
    await other.close()
  })

  it('is told apart by its key, however long, which nobody can read', async () => {
    const long = `${'k'.repeat(300)}hush-hush`
    await transport.send(channel(room), { text: 'x' }, { ...sendOptions(), idempotencyKey: long })
    await sendAgain(channel(room), `${'k'.repeat(300)}other`)
    expect(emulator.messages).toHaveLength(2)
    expect(JSON.stringify(emulator.messages[0])).not.toContain('hush')
    expect(JSON.stringify(emulator.messages[0]?.['metadata']).length).toBeLessThan(100)
  })

  it('is not taken for what people and other apps wrote', async () => {
    const other = emulator.addApp({ name: 'other' })
    const both = emulator.addChannel('both', [app.botUserId, other.botUserId])
    emulator.say(both, 'U1', 'm1')
    const metadata = { event_type: 'other_app', event_payload: { id: markOf('m1') } }
    for (const more of [{}, { metadata }, { metadata: { event_type: 'wgrok_message', event_payload: {} } }]) {
      await fetch(`${emulator.apiUrl}/chat.postMessage`, {
        method: 'POST',
        headers: { authorization: `Bearer ${other.botToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ channel: both, text: 'm1', ...more }),
      })
    }
    expect(texts()).toHaveLength(4)
    await sendAgain(channel(both), 'm1')
    expect([texts().length, emulator.messages.at(-1)?.['bot_id']]).toEqual([5, app.botId])
  })
})

describe('when Slack does not show what was posted', () => {
  it.each([
    ['the app has no scope for it', () => void app.scopes.delete('channels:history'), 'forbidden'],
    ['the app may post and not read', () => emulator.refuse('conversations.history', 'not_in_channel'), 'forbidden'],
    [
      'the conversation has no history',
      () => emulator.refuse('conversations.history', 'method_not_supported_for_channel_type'),
      'platform-rejected',
    ],
  ])('because %s: sends, says so once, and does not ask again for an hour', async (_why, forbid, code) => {
    forbid()
    for (const key of ['m1', 'm2', 'm3']) await sendAgain(channel(room), key)
    expect([texts(), calls('conversations.history')]).toEqual([['m1', 'm2', 'm3'], 1])
    expect(logger.lines).toMatchObject([{ level: 'info', fields: { code } }])
    app.scopes.add('channels:history')
    await clock.advance(60 * 60 * 1000)
    await sendAgain(channel(room), 'm3')
    expect([posts(), calls('conversations.history')]).toEqual([4, 2])
  })

  it('in one conversation, still looks in others', async () => {
    app.scopes.delete('channels:history')
    await sendAgain(channel(room), 'm1')
    const closed = emulator.addChannel('closed', [app.botUserId], 'group')
    await send(channel(closed), 'm2')
    await sendAgain(channel(closed), 'm2')
    expect(texts()).toEqual(['m1', 'm2'])
  })

  it('because the thread is gone, still looks in its channel', async () => {
    await send(channel(room), 'm1')
    await sendAgain(channel(room, '1.000001'), 'm2')
    await sendAgain(channel(room), 'm1')
    expect(emulator.calls.map(({ method, error }) => [method, error])).toEqual([
      ['chat.postMessage', undefined],
      ['conversations.replies', 'thread_not_found'],
      ['chat.postMessage', undefined],
      ['conversations.history', undefined],
    ])
  })

  it('because the id of a named channel is not known yet: sends, says so once, and looks from then on', async () => {
    emulator.plan('chat.postMessage', 'drop', 'drop')
    for (const key of ['m1', 'm2']) {
      await expect(sendAgain(channel('#general'), key)).rejects.toMatchObject({ code: 'platform-unavailable' })
    }
    for (const _again of [1, 2]) await sendAgain(channel('#general'), 'm1')
    expect([texts(), posts(), calls('conversations.history')]).toEqual([['m1'], 3, 1])
    expect(logger.lines).toMatchObject([{ level: 'info', fields: { code: 'target-invalid' } }])
  })

  it('waits as long as a 429 asks for, then looks again', async () => {
    await send(channel(room), 'm1')
    emulator.throttle('conversations.history', 1, 7)
    const begun = clock.now()
    await sendAgain(channel(room), 'm1')
    expect([texts(), calls('conversations.history')]).toEqual([['m1'], 2])
    expect(clock.now() - begun).toBeGreaterThanOrEqual(8_000)
  })

  it('sends at once when a 429 asks for more than half a minute, and says so once', async () => {
    for (const key of ['m1', 'm2']) {
      emulator.throttle('conversations.history', 1, 31)
      await sendAgain(channel(room), key)
    }
    expect(texts()).toEqual(['m1', 'm2'])
    expect(logger.lines).toMatchObject([{ level: 'info', fields: { code: 'rate-limited' } }])
    expect(clock.now()).toBeLessThan(1_700_000_000_000 + 10_000)
  })

  it('does not hold a message up for longer than a send may take', async () => {
    emulator.plan('conversations.history', ...Array.from({ length: 100 }, () => ({ status: 503, text: 'sorry' })))
    const begun = clock.now()
    await sendAgain(channel(room), 'm1')
    expect(texts()).toEqual(['m1'])
    expect(clock.now() - begun).toBeLessThan(LIMITS.sendTimeout)
  })

  it('does not spend more than half a minute on pages that come slowly, and says so', async () => {
    emulator.limits.historyPage = 1
    for (const key of ['m1', 'm2', 'm3', 'm4', 'm5']) await send(channel(room), key)
    emulator.limits.historyMs = 8_000
    const begun = clock.now()
    await sendAgain(channel(room), 'm1')
    expect(texts().filter(text => text === 'm1')).toHaveLength(2)
    expect(clock.now() - begun).toBeLessThan(33_000)
    expect(logger.lines).toMatchObject([{ level: 'info', fields: { code: 'timeout' } }])
    emulator.limits.historyMs = 0
    await sendAgain(channel(room), 'm1')
    expect(texts()).toHaveLength(6)
  })

  it('is called off like any other send', async () => {
    const called = new AbortController()
    const options = { signal: called.signal, idempotencyKey: 'm1', maybeSentSince: clock.now() }
    const sent = transport.send(channel(room), { text: 'x' }, options)
    sent.catch(() => {})
    await clock.advance(500)
    called.abort()
    await expect(sent).rejects.toMatchObject({ code: 'aborted' })
    expect([emulator.calls.length, clock.pending]).toEqual([0, 0])
  })
})
