import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp, EmulatedSlackUser } from '../../src/testing/slack/workspace.js'
import type { SlackTransportOptions } from '../../src/transport/slack/transport.js'
import type { InboundMessage, Transport } from '../../src/transport/transport.js'
import { fakeClock } from '../support/fake-clock.js'
import { channel, follow, listenTo, pass, recorder, sendOptions, transportOf, until } from './support.js'

let emulator: SlackEmulator
let app: EmulatedSlackApp
let ann: EmulatedSlackUser
let room: string
const open: Transport[] = []

beforeEach(async () => {
  emulator = await startSlackEmulator({ sockets: { ackTimeoutMs: 100 } })
  setUp()
})

afterEach(async () => {
  for (const transport of open.splice(0)) await transport.close()
  await emulator.close()
})

function setUp(): void {
  app = emulator.addApp({ name: 'router' })
  ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
  room = emulator.addChannel('general', [app.botUserId, ann.id])
}

/** An emulator on the same stopped clock as the transport. */
async function onFakeClock(): Promise<ReturnType<typeof fakeClock>> {
  await emulator.close()
  const clock = fakeClock()
  emulator = await startSlackEmulator({ clock })
  setUp()
  return clock
}

function make(options: Partial<SlackTransportOptions> = {}): Transport {
  const transport = transportOf(emulator, app, options)
  open.push(transport)
  return transport
}

const texts = (heard: readonly InboundMessage[]): string[] => heard.map(message => message.text)

describe('listening over Socket Mode', () => {
  it('hears people by e-mail and id, bots by app, and not itself', async () => {
    const other = emulator.addApp({ name: 'other' })
    const classic = emulator.addApp({ name: 'classic', classic: true })
    const shared = emulator.addChannel(
      'shared',
      [app, other, classic].map(one => one.botUserId),
    )
    const transport = make()
    const heard = await listenTo(transport)
    const said = emulator.say(room, ann.id, './echo:deploy:ci:-:a < b & c')
    await until(() => heard.length === 1)
    expect(heard[0]).toEqual({
      platform: 'slack',
      id: `${room}:${said.ts}`,
      text: './echo:deploy:ci:-:a < b & c',
      cards: [],
      sender: { principals: ['ann@example.com', `${ann.id}@${emulator.teamId}.slack`] },
      conversation: channel(room),
    })
    await transport.send(channel(shared), { text: 'mine' }, sendOptions())
    const card = { type: 'section', text: { type: 'plain_text', text: 'card' } }
    for (const [from, cards] of [
      [other, [card]],
      [classic, []],
    ] as const) {
      await transportOf(emulator, from).send(channel(shared, '1700000000.000001'), { text: 'x', cards }, sendOptions())
    }
    await until(() => heard.length === 3)
    expect(heard.slice(1).map(({ sender, conversation }) => [sender.principals, conversation])).toEqual([
      [[`${other.appId}@apps.${emulator.teamId}.slack`], channel(shared, '1700000000.000001')],
      [[`${classic.botId}@bots.${emulator.teamId}.slack`], channel(shared, '1700000000.000001')],
    ])
    expect(heard[1]?.cards).toMatchObject([card])
    expect(emulator.calls.filter(call => call.method === 'users.info')).toHaveLength(1)
  })

  it('does what a frame says once: edits, deletions and joins are not heard, a mention is heard once', async () => {
    const heard = await listenTo(make())
    const said = emulator.say(room, ann.id, './pause')
    emulator.edit(said, './resume')
    emulator.event(room, {
      type: 'message',
      subtype: 'message_deleted',
      deleted_ts: said.ts,
      ts: '1.1',
      event_ts: '1.1',
    })
    emulator.event(room, { type: 'message', subtype: 'channel_join', user: ann.id, text: 'joined', ts: '1.2' })
    emulator.event(room, { type: 'reaction_added', user: ann.id, reaction: 'eyes', event_ts: '1.3' })
    emulator.event(room, { ...said, type: 'app_mention' })
    emulator.say(room, ann.id, 'last')
    await until(() => heard.length === 2)
    await until(() => emulator.unacked === 0)
    expect(texts(heard)).toEqual(['./pause', 'last'])
    expect(emulator.envelopes).toBe(7)
  })

  it('hears slash commands, buttons and forms', async () => {
    const heard = await listenTo(make())
    const button = { action_id: 'go', value: './echo:a:b:-:button' }
    const menu = { action_id: 'pick', selected_option: { value: './echo:a:b:-:menu' } }
    const container = { type: 'message', message_ts: '1.1', channel_id: room, thread_ts: '1.0' }
    const values = { b1: { input: { type: 'plain_text_input', value: './echo:a:b:-:form' } } }
    await emulator.command(app, ann.id, room, './echo:a:b:-:<x>')
    await emulator.command(app, ann.id, room, '')
    await emulator.interact(app, ann.id, { type: 'block_actions', actions: [button, menu], container })
    await emulator.interact(app, ann.id, {
      type: 'view_submission',
      view: { private_metadata: room, state: { values } },
    })
    await emulator.interact(app, ann.id, { type: 'view_submission', view: { state: { values } } })
    await emulator.interact(app, ann.id, { type: 'shortcut', callback_id: 'x' })
    await until(() => heard.length === 5 && emulator.unacked === 0)
    const user = { platform: 'slack', kind: 'user', id: ann.id }
    const inRoom = heard.filter(({ conversation }) => conversation.id === room)
    expect(inRoom.map(({ text, conversation }) => [text, conversation])).toEqual([
      ['./echo:a:b:-:<x>', channel(room)],
      ['./echo:a:b:-:button', channel(room, '1.0')],
      ['./echo:a:b:-:menu', channel(room, '1.0')],
      ['./echo:a:b:-:form', channel(room)],
    ])
    expect(heard.filter(one => !inRoom.includes(one))).toMatchObject([
      { text: './echo:a:b:-:form', conversation: user },
    ])
    expect(new Set(heard.map(message => message.id)).size).toBe(5)
    expect(heard.every(({ sender }) => sender.principals[0] === 'ann@example.com')).toBe(true)
  })

  it.each([
    ['router', 'WGROK_SLACK_APP_TOKENS'],
    ['peer', 'WGROK_SLACK_APP_TOKEN '],
  ] as const)('needs an app-level token as a %s', async (role, name) => {
    const transport = transportOf(emulator, { ...app, appToken: '' }, { role })
    await expect(listenTo(transport)).rejects.toMatchObject({
      code: 'config-missing',
      message: expect.stringContaining(name),
    })
    await transport.close()
  })

  it('keeps the order of a conversation while it asks who wrote', async () => {
    const heard = await listenTo(make())
    const bob = emulator.addUser({ name: 'bob', email: 'bob@example.com' })
    const other = emulator.addApp({ name: 'other' })
    const shared = emulator.addChannel('shared', [app.botUserId, other.botUserId, bob.id])
    emulator.throttle('users.info', 1, 0)
    emulator.say(shared, bob.id, '1')
    await transportOf(emulator, other).send(channel(shared), { text: '2' }, sendOptions())
    emulator.say(shared, bob.id, '3')
    await until(() => heard.length === 3)
    expect(texts(heard)).toEqual(['1', '2', '3'])
  })

  it('shares the events of one app among its sockets, which is why Slack has no Mode B', async () => {
    const heard = [await listenTo(make()), await listenTo(make())]
    for (let i = 0; i < 10; i++) emulator.say(room, ann.id, String(i))
    await until(() => emulator.unacked === 0)
    expect(heard.map(one => one.length)).toEqual([5, 5])
    expect(new Set(heard.flat().map(message => message.id)).size).toBe(10)
  })
})

describe('acks', () => {
  it('follow acceptance, and a refused message comes again', async () => {
    const heard: string[] = []
    let refusals = 2
    let accept: () => void = () => {}
    const logger = recorder()
    await make({ logger }).listen(async message => {
      heard.push(message.text)
      if (refusals-- > 0) throw new WgrokError('spool-full', 'no room')
      await new Promise<void>(resolve => {
        accept = resolve
      })
    })
    emulator.say(room, ann.id, 'hush-hush')
    await until(() => heard.length === 3)
    expect(emulator.acks).toHaveLength(0)
    accept()
    await until(() => emulator.acks.length === 1)
    expect([heard.length, emulator.unacked, emulator.lost]).toEqual([3, 0, []])
    expect(logger.lines.filter(line => line.level === 'warn').map(line => line.fields['code'])).toEqual([
      'spool-full',
      'spool-full',
    ])
    expect(JSON.stringify(logger.lines)).not.toContain('hush')
  })

  it('come within three seconds or not at all: what took longer is acked when it comes again', async () => {
    const clock = await onFakeClock()
    const heard: string[] = []
    let accept: () => void = () => {}
    await make({ clock }).listen(async message => {
      heard.push(message.text)
      await new Promise<void>(resolve => {
        accept = resolve
      })
    })
    emulator.say(room, ann.id, 'slow')
    await until(() => heard.length === 1)
    await clock.advance(2_900)
    accept()
    await clock.advance(50)
    expect(emulator.acks).toHaveLength(0)
    await pass(clock, () => emulator.acks.length === 1)
    expect([heard, emulator.envelopes, emulator.unacked]).toEqual([['slow'], 2, 0])
  })

  it('wait for the first attempt while it is under way', async () => {
    const clock = await onFakeClock()
    const heard: string[] = []
    let accept: () => void = () => {}
    await make({ clock }).listen(async message => {
      heard.push(message.text)
      await new Promise<void>(resolve => {
        accept = resolve
      })
    })
    emulator.say(room, ann.id, 'very slow')
    await until(() => heard.length === 1)
    await pass(clock, () => emulator.envelopes === 2)
    accept()
    await pass(clock, () => emulator.acks.length === 1, 1)
    expect(heard).toEqual(['very slow'])
  })

  it('answer every copy of a message that is heard once', async () => {
    const heard = await listenTo(make())
    emulator.sockets.duplicate = true
    for (let i = 0; i < 20; i++) emulator.say(room, ann.id, String(i))
    await until(() => emulator.acks.length === 40)
    expect(texts(heard)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
  })
})

describe('sockets that go', () => {
  it.each(['warning', 'refresh_requested'] as const)(
    '%s: the next one is live before the old one closes',
    async reason => {
      emulator.sockets.disconnectAfterMs = 10_000
      const transport = make()
      const heard = await listenTo(transport)
      const states = follow(transport)
      const [first] = emulator.connections(app)
      let most = 0
      let least = 1
      const watch = setInterval(() => {
        most = Math.max(most, emulator.connections(app).length)
        least = Math.min(least, emulator.connections(app).length)
      }, 0)
      emulator.disconnect(reason)
      for (let i = 0; i < 50; i++) {
        emulator.say(room, ann.id, String(i))
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      await until(() => first?.open === false && emulator.unacked === 0)
      clearInterval(watch)
      expect(texts(heard).sort((a, b) => Number(a) - Number(b))).toEqual(
        Array.from({ length: 50 }, (_, i) => String(i)),
      )
      expect([most, least]).toEqual([2, 1])
      expect(states.every(status => status.state === 'live')).toBe(true)
    },
  )

  it('an old socket stays until what came over it is acked', async () => {
    emulator.sockets.disconnectAfterMs = 10_000
    emulator.sockets.ackTimeoutMs = 5_000
    const accept: (() => void)[] = []
    await make().listen(() => new Promise(resolve => accept.push(resolve)))
    const [first] = emulator.connections(app)
    emulator.say(room, ann.id, 'x')
    await until(() => accept.length === 1)
    emulator.disconnect('refresh_requested')
    await until(() => emulator.connections(app).length === 2)
    accept[0]?.()
    await until(() => first?.open === false)
    expect([emulator.acks.length, emulator.envelopes, emulator.unacked]).toEqual([1, 1, 0])
  })

  it('link_disabled: stops and says so', async () => {
    const logger = recorder()
    const transport = make({ logger })
    await listenTo(transport)
    const states = follow(transport)
    emulator.disconnect('link_disabled')
    await until(() => states.at(-1)?.state === 'failed')
    expect(states.at(-1)).toMatchObject({ error: { code: 'forbidden' } })
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', fields: { code: 'forbidden' } })
    expect(emulator.calls.filter(call => call.method === 'apps.connections.open')).toHaveLength(1)
  })

  it('too_many_websockets: waits ten seconds at least, however often it comes', async () => {
    const clock = await onFakeClock()
    const transport = make({ clock })
    const heard = await listenTo(transport)
    const states = follow(transport)
    emulator.sockets.socketsMax = 0
    emulator.disconnect('too_many_websockets')
    const tries = () => emulator.calls.filter(call => call.method === 'apps.connections.open').length
    await pass(clock, () => tries() === 2, 500)
    const second = clock.now()
    await pass(clock, () => tries() === 3, 500)
    expect(clock.now() - second).toBeGreaterThanOrEqual(9_500)
    expect(states.at(-1)).toMatchObject({ state: 'reconnecting' })
    emulator.sockets.socketsMax = 10
    await pass(clock, () => states.at(-1)?.state === 'live', 500)
    emulator.say(room, ann.id, 'back')
    await until(() => heard.length === 1)
  })

  it('no more than ten sockets per app', async () => {
    for (let i = 0; i < 10; i++) await listenTo(make())
    const eleventh = make()
    const states = follow(eleventh)
    const listening = expect(listenTo(eleventh)).rejects.toMatchObject({ code: 'closed' })
    await until(() => states.at(-1)?.state === 'reconnecting')
    expect([states.at(-1), emulator.connections(app).length]).toMatchObject([{ delayMs: 10_000 }, 10])
    await eleventh.close()
    await listening
  })

  it('a socket that answers no ping is dropped and replaced', async () => {
    const clock = await onFakeClock()
    const transport = make({ clock })
    const heard = await listenTo(transport)
    const [first] = emulator.connections(app)
    emulator.sockets.pongs = false
    const took = await pass(clock, () => first?.open === false, 1_000)
    expect(took).toBeLessThanOrEqual(21_000)
    emulator.sockets.pongs = true
    await pass(clock, () => emulator.connections(app).some(one => one.open && one !== first))
    emulator.say(room, ann.id, 'x')
    await until(() => heard.length === 1)
  })

  it('a socket on which Slack is silent is stale and replaced, ever more rarely', async () => {
    const clock = await onFakeClock()
    emulator.sockets.pingIntervalMs = 0
    const transport = make({ clock })
    await listenTo(transport)
    const states = follow(transport)
    const tries = () => emulator.calls.filter(call => call.method === 'apps.connections.open').length
    await pass(clock, () => states.some(status => status.state === 'stale'), 2_000)
    const first = clock.now()
    await pass(clock, () => tries() === 2 && states.at(-1)?.state === 'live', 100)
    await pass(clock, () => tries() === 3, 2_000)
    expect(clock.now() - first).toBeGreaterThanOrEqual(118_000)
  })

  it('a socket without hello is given up after thirty seconds', async () => {
    const clock = await onFakeClock()
    emulator.sockets.hello = false
    const transport = make({ clock })
    const states = follow(transport)
    const listening = transport.listen(async () => {})
    const took = await pass(clock, () => states.at(-1)?.state === 'reconnecting', 1_000)
    expect(took).toBeGreaterThanOrEqual(30_000)
    expect(states.at(-1)).toMatchObject({ error: { code: 'timeout' } })
    emulator.sockets.hello = true
    await Promise.all([listening, pass(clock, () => states.at(-1)?.state === 'live')])
  })

  it('a lost socket is replaced after a moment, with full jitter', async () => {
    const clock = await onFakeClock()
    const transport = make({ clock, random: () => 0.5 })
    await listenTo(transport)
    const states = follow(transport)
    await clock.advance(60_000)
    emulator.cut()
    await until(() => states.at(-1)?.state === 'reconnecting')
    expect(states.at(-1)).toMatchObject({ attempt: 1, delayMs: 250 })
    await pass(clock, () => states.at(-1)?.state === 'live')
    // It had no time to show that it works.
    emulator.cut()
    await until(() => states.at(-1)?.state === 'reconnecting')
    expect(states.at(-1)).toMatchObject({ attempt: 2, delayMs: 500 })
  })
})

describe('what cannot be', () => {
  it.each([
    ['not_authed', 'auth-failed'],
    ['invalid_auth', 'auth-failed'],
    ['account_inactive', 'auth-failed'],
    ['user_removed_from_team', 'auth-failed'],
    ['team_disabled', 'auth-failed'],
    ['not_allowed_token_type', 'forbidden'],
    ['missing_scope', 'forbidden'],
  ])('%s ends the attempt to listen', async (error, code) => {
    const logger = recorder()
    const transport = make({ logger })
    const states = follow(transport)
    emulator.refuse('apps.connections.open', error)
    await expect(listenTo(transport)).rejects.toMatchObject({ code })
    await until(() => states.at(-1)?.state === 'failed')
    expect(logger.lines.map(line => [line.level, line.fields['code']])).toEqual([['error', code]])
    expect(JSON.stringify(logger.lines)).not.toMatch(/xoxb|xapp/)
    expect(emulator.connections()).toHaveLength(0)
  })

  it('a wrong bot token ends it before a socket is opened', async () => {
    const transport = transportOf(emulator, { ...app, botToken: 'xoxb-wrong' })
    await expect(listenTo(transport)).rejects.toMatchObject({ code: 'auth-failed' })
    expect(emulator.calls.map(call => call.method)).toEqual(['auth.test'])
    await transport.close()
  })

  it('a refusal for now is waited out, as long as Slack says', async () => {
    const clock = await onFakeClock()
    const transport = make({ clock })
    emulator.throttle('apps.connections.open', 2, 30)
    emulator.plan('auth.test', { status: 503, text: '' })
    const start = clock.now()
    const listening = listenTo(transport)
    await pass(clock, () => emulator.connections(app).length === 1, 500)
    await listening
    expect(clock.now() - start).toBeGreaterThanOrEqual(60_000)
    expect(clock.now() - start).toBeLessThanOrEqual(66_000)
  })

  it('frames that nobody knows are counted, acked and survived', async () => {
    const logger = recorder()
    const heard = await listenTo(make({ logger }))
    const [socket] = emulator.connections(app)
    for (const text of [
      'hush-hush',
      '"hush"',
      'null',
      '{}',
      '{"type":"hush","envelope_id":"e1"}',
      '{"type":"events_api","envelope_id":"e2","payload":{"type":"event_callback","event":{"text":"hush"}}}',
      '{"type":"events_api","payload":[]}',
      '{"type":"slash_commands","envelope_id":"e3","payload":{"text":"hush"}}',
    ]) {
      socket?.send(text)
    }
    emulator.say(room, ann.id, 'still here')
    await until(() => heard.length === 1 && emulator.acks.length === 4)
    expect(emulator.acks.map(ack => ack.envelopeId).slice(0, 3)).toEqual(['e1', 'e2', 'e3'])
    const warnings = logger.lines.filter(line => line.level === 'warn')
    expect([warnings.length, warnings.at(-1)?.fields['count']]).toEqual([8, 8])
    expect(JSON.stringify(warnings.map(({ msg, fields }) => [msg, fields['at']]))).not.toContain('hush')
  })

  it('closing ends sockets, timers and waits', async () => {
    const clock = await onFakeClock()
    emulator.sockets.pingIntervalMs = 0
    const transport = make({ clock })
    await listenTo(transport)
    const states = follow(transport)
    await transport.close()
    await transport.close()
    await until(() => emulator.connections().length === 0 && states.at(-1)?.state === 'closed')
    expect(clock.pending).toBe(0)
    await expect(make({ clock }).close()).resolves.toBeUndefined()
  })
})
