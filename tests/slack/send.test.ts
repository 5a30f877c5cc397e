import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp } from '../../src/testing/slack/workspace.js'
import { openTransport } from '../../src/transport/open.js'
import type { Transport } from '../../src/transport/transport.js'
import { fakeClock } from '../support/fake-clock.js'
import { channel, recorder, sendOptions, transportOf } from './support.js'

let emulator: SlackEmulator
let app: EmulatedSlackApp
let transport: Transport
let room: string
const SECRET_TEXT = 'deploy:ci:-:hush-hush'

beforeEach(async () => {
  emulator = await startSlackEmulator()
  app = emulator.addApp({ name: 'router' })
  room = emulator.addChannel('general', [app.botUserId])
  transport = transportOf(emulator, app)
})

afterEach(async () => {
  await transport.close()
  await emulator.close()
})

function calls(method: string): readonly Readonly<Record<string, unknown>>[] {
  return emulator.calls.filter(call => call.method === method).map(call => call.args)
}

describe('sending to Slack', () => {
  it('posts text that is nothing but text', async () => {
    const receipt = await transport.send(channel(room), { text: 'deploy:ci:-:a & <b> *c* @here' }, sendOptions())
    const [message] = emulator.messages
    expect(receipt.messageId).toBe(`${room}:${message?.ts}`)
    expect(receipt.platformResponse).toMatchObject({ ok: true, ts: message?.ts })
    expect(calls('chat.postMessage')).toEqual([
      {
        channel: room,
        text: 'deploy:ci:-:a &amp; &lt;b&gt; *c* @here',
        mrkdwn: false,
        parse: 'none',
        link_names: false,
        unfurl_links: false,
        unfurl_media: false,
        metadata: { event_type: 'wgrok_message', event_payload: { id: 'LHDhK3oGRvkiefQnx7OOcz' } },
      },
    ])
  })

  it('answers in a thread', async () => {
    await transport.send(channel(room, '1700000000.000001'), { text: 'x' }, sendOptions())
    expect(emulator.messages[0]?.['thread_ts']).toBe('1700000000.000001')
  })

  it('sends cards as blocks, one by one or as the Block Kit Builder writes them', async () => {
    const [one, two, three] = ['1', '2', '3'].map(text => ({ type: 'section', text: { type: 'plain_text', text } }))
    await transport.send(channel(room), { text: 'x', cards: [one ?? {}, { blocks: [two, three] }] }, sendOptions())
    expect(calls('chat.postMessage')[0]?.['blocks']).toEqual([one, two, three])
  })

  it('finds the direct conversation of an e-mail address once an hour', async () => {
    const clock = fakeClock()
    const patient = transportOf(emulator, app, { clock })
    const ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const to = { platform: 'slack', kind: 'email', id: 'Ann@Example.com' } as const
    await patient.send(to, { text: '1' }, sendOptions())
    await patient.send(to, { text: '2' }, sendOptions())
    await patient.send({ platform: 'slack', kind: 'user', id: ann.id }, { text: '3' }, sendOptions())
    const direct = emulator.direct(app, ann.id)
    expect(emulator.messages.map(({ channel, text }) => [channel, text])).toEqual([
      [direct, '1'],
      [direct, '2'],
      [direct, '3'],
    ])
    expect([calls('users.lookupByEmail').length, calls('conversations.open').length]).toEqual([1, 2])
    await clock.advance(60 * 60 * 1000)
    await patient.send(to, { text: '4' }, sendOptions())
    expect(calls('users.lookupByEmail').length).toBe(2)
    await patient.close()
  })

  it('looks a direct conversation up again after Slack did not know it any more', async () => {
    emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const to = { platform: 'slack', kind: 'email', id: 'ann@example.com' } as const
    await transport.send(to, { text: '1' }, sendOptions())
    emulator.refuse('chat.postMessage', 'channel_not_found')
    await expect(transport.send(to, { text: '2' }, sendOptions())).rejects.toMatchObject({ code: 'target-not-found' })
    await transport.send(to, { text: '3' }, sendOptions())
    expect(calls('users.lookupByEmail').length).toBe(2)
  })

  it('takes a base URL with a slash at the end, and is what openTransport opens', async () => {
    const opened = await openTransport('slack', app.botToken, { role: 'peer', apiUrl: `${emulator.apiUrl}/` })
    await opened.send(channel(room), { text: 'x' }, sendOptions())
    expect(emulator.messages).toHaveLength(1)
    await opened.close()
  })
})

describe('what Slack refuses', () => {
  it.each([
    ['invalid_auth', 'auth-failed'],
    ['not_authed', 'auth-failed'],
    ['token_revoked', 'auth-failed'],
    ['token_expired', 'auth-failed'],
    ['account_inactive', 'auth-failed'],
    ['not_allowed_token_type', 'forbidden'],
    ['not_in_channel', 'forbidden'],
    ['restricted_action_read_only_channel', 'forbidden'],
    ['channel_not_found', 'target-not-found'],
    ['is_archived', 'target-invalid'],
    ['cannot_dm_bot', 'target-invalid'],
    ['msg_too_long', 'frame-too-large'],
    ['msg_blocks_too_long', 'frame-too-large'],
    ['invalid_blocks', 'platform-rejected'],
    ['no_text', 'platform-rejected'],
    ['something_new', 'platform-rejected'],
    ['Odd error: hush-hush', 'platform-rejected'],
  ])('%s is %s, for good', async (error, code) => {
    const logger = recorder()
    const logged = transportOf(emulator, app, { logger })
    emulator.refuse('chat.postMessage', error)
    const refused = await logged.send(channel(room), { text: SECRET_TEXT }, sendOptions()).catch(caught => caught)
    expect(refused).toMatchObject({ code, retryable: false })
    expect(logger.lines.map(line => [line.level, line.fields['code']])).toEqual([['warn', code]])
    expect(JSON.stringify([String(refused), logger.lines])).not.toMatch(/hush|xoxb|xapp/)
    await logged.close()
  })

  it.each([
    ['ratelimited', 'rate-limited'],
    ['rate_limited', 'rate-limited'],
    ['fatal_error', 'platform-unavailable'],
    ['internal_error', 'platform-unavailable'],
    ['service_unavailable', 'platform-unavailable'],
  ])('%s is %s, for now', async (error, code) => {
    emulator.refuse('chat.postMessage', error)
    await expect(transport.send(channel(room), { text: 'x' }, sendOptions())).rejects.toMatchObject({
      code,
      retryable: true,
    })
  })

  it('429 says how long to wait', async () => {
    emulator.throttle('chat.postMessage', 1, 7)
    await expect(transport.send(channel(room), { text: 'x' }, sendOptions())).rejects.toMatchObject({
      code: 'rate-limited',
      retryAfterMs: 7_000,
    })
  })

  it('names the scope that is missing', async () => {
    app.scopes.delete('chat:write')
    await expect(transport.send(channel(room), { text: 'x' }, sendOptions())).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('chat:write'),
    })
  })

  it('is told apart from a connection that fails', async () => {
    const send = (): Promise<unknown> => transport.send(channel(room), { text: 'x' }, sendOptions())
    emulator.plan('chat.postMessage', 'drop', { status: 503, text: 'sorry' }, { status: 200, text: '<html>' })
    for (let i = 0; i < 3; i++) await expect(send()).rejects.toMatchObject({ code: 'platform-unavailable' })
    emulator.plan('chat.postMessage', { status: 200, json: { ok: 'yes' } })
    await expect(send()).rejects.toMatchObject({ code: 'platform-rejected' })
  })

  it('a wrong token, a bot as addressee, an unknown address, a room without us', async () => {
    const stranger = transportOf(emulator, { ...app, botToken: 'xoxb-wrong' })
    const other = emulator.addApp({ name: 'other' })
    const elsewhere = emulator.addChannel('elsewhere', [other.botUserId])
    const hidden = emulator.addChannel('hidden', [other.botUserId], 'group')
    const old = emulator.addChannel('old', [app.botUserId])
    emulator.archive(old)
    const to = (kind: 'user' | 'email' | 'channel', id: string) => ({ platform: 'slack', kind, id }) as const
    for (const [from, target, code] of [
      [stranger, channel(room), 'auth-failed'],
      [transport, to('user', other.botUserId), 'target-invalid'],
      [transport, to('email', 'nobody@example.com'), 'target-not-found'],
      [transport, to('user', 'U404'), 'target-not-found'],
      [transport, to('channel', elsewhere), 'forbidden'],
      [transport, to('channel', hidden), 'target-not-found'],
      [transport, to('channel', 'C404'), 'target-not-found'],
      [transport, to('channel', old), 'target-invalid'],
      [transport, { platform: 'irc', kind: 'channel', id: '#x' }, 'target-invalid'],
      [transport, { platform: 'slack', kind: 'nick', id: 'x' }, 'target-invalid'],
    ] as const) {
      await expect(from.send(target, { text: 'x' }, sendOptions())).rejects.toMatchObject({ code })
    }
    expect(emulator.messages).toHaveLength(0)
    await stranger.close()
  })

  it('a message that Slack truncates did not arrive', async () => {
    emulator.limits.truncateAt = 10
    await expect(transport.send(channel(room), { text: 'x'.repeat(11) }, sendOptions())).rejects.toMatchObject({
      code: 'frame-too-large',
    })
  })

  it('a message that Slack would split is not sent', async () => {
    const { size } = FRAME_LIMITS.slack
    await transport.send(channel(room), { text: 'x'.repeat(size) }, sendOptions())
    for (const text of ['x'.repeat(size + 1), '&'.repeat(size / 5 + 1)]) {
      await expect(transport.send(channel(room), { text }, sendOptions())).rejects.toMatchObject({
        code: 'frame-too-large',
      })
    }
    expect(emulator.messages).toHaveLength(1)
  })

  it('calls a send off when told to, or when it closes', async () => {
    const called = new AbortController()
    called.abort()
    const sent = transport.send(channel(room), { text: 'x' }, sendOptions(called.signal))
    await expect(sent).rejects.toMatchObject({ code: 'aborted' })
    await transport.close()
    await expect(transport.send(channel(room), { text: 'x' }, sendOptions())).rejects.toMatchObject({ code: 'closed' })
  })

  it('keeps the pace of one message a second and channel', async () => {
    emulator.limits.perChannelMs = 1_000
    const other = emulator.addChannel('other', [app.botUserId])
    await transport.send(channel(room), { text: '1' }, sendOptions())
    await transport.send(channel(other), { text: '2' }, sendOptions())
    await expect(transport.send(channel(room), { text: '3' }, sendOptions())).rejects.toMatchObject({
      code: 'rate-limited',
      retryAfterMs: 1_000,
    })
  })
})
