import { createHmac, randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../../src/errors.js'
import { startEmulatorServer } from '../../src/testing/http-server.js'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { signSlack } from '../../src/testing/slack/hooks.js'
import type { EmulatedSlackApp, EmulatedSlackUser } from '../../src/testing/slack/workspace.js'
import { createSlackApi, type SlackApi } from '../../src/transport/slack/api.js'
import { createSlackDirectory } from '../../src/transport/slack/identity.js'
import { createSlackWebhook, verifySlackSignature } from '../../src/transport/slack/webhook.js'
import type { InboundMessage } from '../../src/transport/transport.js'
import type { Webhook } from '../../src/transport/webhook.js'
import { type FakeClock, fakeClock } from '../support/fake-clock.js'
import { channel, type Line, pass, recorder, until } from './support.js'

const SECRET = '8f742231b10e8888abcd99yyyzzz85a5'

let emulator: SlackEmulator
let app: EmulatedSlackApp
let ann: EmulatedSlackUser
let room: string
let api: SlackApi
let clock: FakeClock
let webhook: Webhook
let lines: readonly Line[]
let heard: InboundMessage[]
let accept: (message: InboundMessage) => Promise<void>
const closing: (() => Promise<void>)[] = []

beforeEach(async () => {
  clock = fakeClock()
  emulator = await startSlackEmulator({ clock })
  app = emulator.addApp({ name: 'router' })
  ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
  room = emulator.addChannel('general', [app.botUserId, ann.id])
  api = createSlackApi(app.botToken, { apiUrl: emulator.apiUrl })
  const logger = recorder()
  lines = logger.lines
  heard = []
  accept = async message => void heard.push(message)
  webhook = createSlackWebhook({
    signingSecret: app.signingSecret,
    directory: createSlackDirectory(api, { clock }),
    deliver: message => accept(message),
    clock,
    logger,
  })
})

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await api.close()
  await emulator.close()
})

/** Puts the endpoint behind a real HTTP server and tells the emulated app. */
async function mount(): Promise<void> {
  const server = await startEmulatorServer({
    request: async ({ headers, body }) => {
      const { status, headers: answered, body: text } = await webhook.handle({ headers, rawBody: body })
      return {
        status,
        ...(answered === undefined ? {} : { headers: answered }),
        ...(text === undefined ? {} : { text }),
      }
    },
  })
  closing.push(() => server.close())
  app.requestUrl = `${server.url}/webhooks/slack`
}

interface Shape {
  readonly body?: string
  readonly type?: string
  /** Off by so many seconds. */
  readonly skew?: number
  readonly secret?: string
  readonly headers?: Readonly<Record<string, string>>
}

function post(shape: Shape = {}): ReturnType<Webhook['handle']> {
  const { body = callback(), type = 'application/json', skew = 0, secret = app.signingSecret, headers } = shape
  const signed = signSlack(secret, body, Math.floor(clock.now() / 1000) + skew)
  return webhook.handle({ headers: { 'content-type': type, ...signed, ...headers }, rawBody: Buffer.from(body) })
}

function callback(text = 'hush-hush', ts = '1700000000.000001', event_id: string = `Ev${randomUUID()}`): string {
  const event = { type: 'message', channel: room, user: ann.id, text, ts }
  return JSON.stringify({ type: 'event_callback', team_id: emulator.teamId, api_app_id: app.appId, event_id, event })
}

describe('the Slack endpoint', () => {
  it('answers the challenge, and hears events, commands and buttons', async () => {
    await mount()
    expect(await emulator.verify(app)).toBe(true)
    emulator.say(room, ann.id, './echo:a:b:-:x > y')
    await until(() => heard.length === 1)
    expect(heard[0]).toMatchObject({
      text: './echo:a:b:-:x > y',
      sender: { principals: ['ann@example.com', `${ann.id}@${emulator.teamId}.slack`] },
      conversation: channel(room),
    })
    expect(await emulator.command(app, ann.id, room, './echo:a:b:-:<command>')).toMatchObject({ status: 200, body: '' })
    const actions = [{ action_id: 'go', value: './echo:a:b:-:button' }]
    await emulator.interact(app, ann.id, { type: 'block_actions', actions, channel: { id: room } })
    expect(heard.map(message => message.text).slice(1)).toEqual(['./echo:a:b:-:<command>', './echo:a:b:-:button'])
    expect(lines).toEqual([])
  })

  it('is repeated to until the message is accepted, and hears it once', async () => {
    await mount()
    let refusals = 2
    accept = async message => {
      if (refusals-- > 0) throw new WgrokError('spool-full', 'no room')
      heard.push(message)
    }
    emulator.say(room, ann.id, 'again')
    await pass(clock, () => heard.length === 1, 10_000)
    expect(emulator.deliveries.map(({ status, retry }) => [status, retry])).toEqual([
      [507, 0],
      [507, 1],
      [200, 2],
    ])
    expect(lines.map(line => line.fields['code'])).toEqual(['spool-full', 'spool-full'])
  })

  it('answers in time to be asked again when acceptance takes too long', async () => {
    let done: () => void = () => {}
    accept = message => {
      heard.push(message)
      return new Promise(resolve => {
        done = resolve
      })
    }
    let status: number | undefined
    const body = callback()
    const first = post({ body }).then(answer => {
      status = answer.status
    })
    await until(() => heard.length === 1)
    await clock.advance(2_499)
    expect(status).toBeUndefined()
    await clock.advance(1)
    await first
    expect(status).toBe(504)
    done()
    // Slack signs a repetition anew.
    expect(await post({ body, skew: 1, headers: { 'x-slack-retry-num': '1' } })).toMatchObject({ status: 200 })
    expect(heard).toHaveLength(1)
  })

  it('knows repetitions by their event and message, whatever their headers say', async () => {
    const retry = { 'x-slack-retry-num': '1', 'x-slack-retry-reason': 'http_timeout' }
    expect(await post({ body: callback('1', '1.1', 'Ev1'), headers: retry })).toEqual({ status: 200 })
    expect(await post({ body: callback('1', '1.1', 'Ev1'), skew: 1 })).toEqual({ status: 200 })
    expect(await post({ body: callback('1', '1.1', 'Ev2') })).toEqual({ status: 200 })
    expect(await post({ body: callback('1', '1.2', 'Ev1'), skew: 2 })).toEqual({ status: 200 })
    expect(heard).toHaveLength(1)
    await post({ body: callback('2', '1.3', 'Ev3'), headers: retry })
    expect(heard).toHaveLength(2)
  })

  it('says when Slack holds events back', async () => {
    const body = JSON.stringify({ type: 'app_rate_limited', team_id: 'T1', minute_rate_limited: 1_700_000_000 })
    expect(await post({ body })).toEqual({ status: 200 })
    expect(lines).toMatchObject([{ level: 'warn', fields: { minute: 1_700_000_000 } }])
  })

  it('ignores what is no message, and certificate checks', async () => {
    const join = { type: 'message', subtype: 'channel_join', channel: room, user: ann.id, text: 'x', ts: '1.1' }
    const body = JSON.stringify({ type: 'event_callback', event_id: 'Ev1', event: join })
    expect(await post({ body })).toEqual({ status: 200 })
    const type = 'application/x-www-form-urlencoded'
    expect(await post({ body: 'ssl_check=1&token=t', type })).toEqual({ status: 200 })
    expect([heard, lines]).toEqual([[], []])
  })
})

describe('what the endpoint refuses', () => {
  it.each([
    ['a signature with another secret', { secret: 'other' }, 401, 'auth-failed'],
    ['a stamp 301 s old', { skew: -301 }, 401, 'auth-failed'],
    ['a stamp 301 s ahead', { skew: 301 }, 401, 'auth-failed'],
    ['a stamp 900 s ahead', { skew: 900 }, 401, 'auth-failed'],
    ['no stamp', { headers: { 'x-slack-request-timestamp': '' } }, 401, 'auth-failed'],
    ['a stamp that is none', { headers: { 'x-slack-request-timestamp': '1e9' } }, 401, 'auth-failed'],
    ['no signature', { headers: { 'x-slack-signature': '' } }, 401, 'auth-failed'],
    ['half a signature', { headers: { 'x-slack-signature': 'v0=00' } }, 401, 'auth-failed'],
    ['another type of body', { type: 'text/plain' }, 415, 'media-type-unsupported'],
    ['a body that is no JSON', { body: 'hush' }, 400, 'body-invalid'],
    ['an unknown type', { body: '{"type":"hush"}' }, 400, 'body-invalid'],
    ['an event without an id', { body: '{"type":"event_callback","event":{"type":"hush"}}' }, 400, 'body-invalid'],
    [
      'a form that is no command',
      { body: 'text=hush', type: 'application/x-www-form-urlencoded' },
      400,
      'body-invalid',
    ],
    [
      'a payload that is no JSON',
      { body: 'payload=hush', type: 'application/x-www-form-urlencoded' },
      400,
      'body-invalid',
    ],
    ['a body over the limit', { body: 'x'.repeat(LIMITS.webhookBody + 1) }, 413, 'body-too-large'],
  ] as const)('%s', async (_what, shape, status, code) => {
    const answer = await post(shape)
    expect(answer).toMatchObject({ status, headers: { 'x-slack-no-retry': '1' }, body: JSON.stringify({ code }) })
    expect(lines.map(line => [line.level, line.fields['code']])).toEqual([['warn', code]])
    expect(JSON.stringify(lines) + String(lines[0]?.fields['error'])).not.toMatch(/hush|signing-secret|v0=/)
    expect(heard).toHaveLength(0)
  })

  it('a request that was accepted before, byte for byte', async () => {
    const body = callback()
    expect(await post({ body })).toEqual({ status: 200 })
    expect(await post({ body })).toMatchObject({ status: 401 })
    expect(lines).toMatchObject([{ level: 'warn', fields: { code: 'auth-failed' } }])
    const command = new URLSearchParams({
      command: '/wgrok',
      text: 'x',
      user_id: ann.id,
      channel_id: room,
      trigger_id: '1',
    })
    const form = { body: command.toString(), type: 'application/x-www-form-urlencoded' }
    expect([(await post(form)).status, (await post(form)).status, heard.length]).toEqual([200, 401, 2])
  })

  it('nothing within the five minutes', async () => {
    for (const skew of [-300, -299, 299, 300]) {
      expect(await post({ body: callback('x', `1.${skew + 300}`), skew })).toEqual({ status: 200 })
    }
    expect(heard).toHaveLength(4)
  })
})

describe('the signature', () => {
  it('is the documented one', () => {
    const body = [
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V',
      'channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=',
      'response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN',
      'trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    ].join('&')
    const signature = 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'
    const headers = { 'x-slack-request-timestamp': '1531420618', 'x-slack-signature': signature }
    const call = { headers, rawBody: Buffer.from(body) }
    expect(verifySlackSignature(call, SECRET, 1_531_420_618_000)).toBe(signature)
    expect(() => verifySlackSignature(call, `${SECRET}x`, 1_531_420_618_000)).toThrow('[auth-failed]')
  })

  it('is over the bytes, not over the text that they may be read as', () => {
    const rawBody = Buffer.from([0x7b, 0xff, 0xfe, 0x7d])
    const mac = createHmac('sha256', SECRET).update('v0:1:').update(rawBody).digest('hex')
    const headers = { 'x-slack-request-timestamp': '1', 'x-slack-signature': `v0=${mac}` }
    expect(verifySlackSignature({ headers, rawBody }, SECRET, 1_000)).toBe(`v0=${mac}`)
  })
})
