import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../../src/errors.js'
import { startEmulatorServer } from '../../src/testing/http-server.js'
import { startWebexEmulator, type WebexEmulator } from '../../src/testing/webex/emulator.js'
import type { EmulatedWebexAccount, EmulatedWebexRoom } from '../../src/testing/webex/world.js'
import { createDial } from '../../src/transport/dial.js'
import type { InboundMessage } from '../../src/transport/transport.js'
import { createWebexApi, type WebexApi } from '../../src/transport/webex/api.js'
import { createWebexWebhook, registerWebexWebhooks, verifyWebexSignature } from '../../src/transport/webex/webhook.js'
import type { Webhook, WebhookAnswer } from '../../src/transport/webhook.js'
import { type FakeClock, fakeClock } from '../support/fake-clock.js'
import { address, type Line, recorder, until } from './support.js'

const SECRET = 'webhook-secret'

let emulator: WebexEmulator
let bot: EmulatedWebexAccount
let ann: EmulatedWebexAccount
let direct: EmulatedWebexRoom
let api: WebexApi
let clock: FakeClock
let webhook: Webhook
let lines: readonly Line[]
let heard: InboundMessage[]
let accept: (message: InboundMessage) => Promise<void>
const closing: (() => Promise<void>)[] = []

beforeEach(async () => {
  clock = fakeClock()
  emulator = await startWebexEmulator({ clock })
  bot = emulator.addBot('router')
  ann = emulator.addPerson('ann', 'ann@example.com')
  direct = emulator.directRoom(bot, ann)
  api = createWebexApi(bot.token, { dial: createDial(), apiUrl: emulator.apiUrl })
  const logger = recorder()
  lines = logger.lines
  heard = []
  accept = async message => void heard.push(message)
  webhook = createWebexWebhook({ secret: SECRET, api, deliver: message => accept(message), clock, logger })
})

afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await api.close()
  await emulator.close()
})

/** Puts the endpoint behind a real HTTP server. Returns its URL. */
async function mount(): Promise<string> {
  const server = await startEmulatorServer({
    request: async ({ headers, body }) => {
      const { status, body: text } = await webhook.handle({ headers, rawBody: body })
      return { status, ...(text === undefined ? {} : { text }) }
    },
  })
  closing.push(() => server.close())
  return `${server.url}/webhooks/webex`
}

function post(body: string, secret: string = SECRET, headers: Record<string, string> = {}): Promise<WebhookAnswer> {
  const signature = createHmac('sha1', secret).update(body).digest('hex')
  return webhook.handle({ headers: { 'x-spark-signature': signature, ...headers }, rawBody: Buffer.from(body) })
}

function delivery(id: string, change: Record<string, unknown> = {}): string {
  return JSON.stringify({
    id: 'W1',
    resource: 'messages',
    event: 'created',
    data: { id, roomId: direct.id },
    ...change,
  })
}

describe('the Webex endpoint', () => {
  it('is registered, and hears messages and card actions', async () => {
    await registerWebexWebhooks(api, { targetUrl: await mount(), secret: SECRET })
    expect(emulator.webhooks.map(({ name, resource, event, secret }) => [name, resource, event, secret])).toEqual([
      ['wgrok messages', 'messages', 'created', SECRET],
      ['wgrok attachmentActions', 'attachmentActions', 'created', SECRET],
    ])
    const message = emulator.say(ann, direct, './echo:a:b:-:x')
    await until(() => heard.length === 1)
    expect(heard[0]).toMatchObject({
      id: message.id,
      text: './echo:a:b:-:x',
      sender: { principals: ['ann@example.com'] },
      conversation: address('room', direct.id),
    })
    emulator.submit(ann, message, { text: './echo:a:b:-:go' })
    await until(() => heard.length === 2)
    emulator.say(bot, direct, 'own')
    await until(() => emulator.deliveries.length === 3)
    expect([emulator.deliveries, heard.length, lines]).toEqual([[200, 200, 200], 2, []])
  })

  it('is found again, moved and reactivated instead of registered twice', async () => {
    await registerWebexWebhooks(api, { targetUrl: 'http://127.0.0.1:9/webhooks/webex', secret: 'old' })
    for (let i = 0; i < 3; i++) emulator.say(ann, direct, 'lost')
    await until(() => emulator.webhooks[0]?.status === 'inactive')
    await registerWebexWebhooks(api, { targetUrl: await mount(), secret: SECRET })
    expect(emulator.webhooks.map(({ status, secret }) => [status, secret])).toEqual([
      ['active', SECRET],
      ['active', SECRET],
    ])
    emulator.say(ann, direct, 'heard')
    await until(() => heard.length === 1)
  })

  it('answers what it has nothing to do with', async () => {
    for (const change of [{ resource: 'rooms' }, { event: 'deleted' }, { resource: 'memberships', event: 'updated' }]) {
      expect(await post(delivery('x', change))).toEqual({ status: 200 })
    }
    expect(await post(delivery('unknown'))).toEqual({ status: 200 })
    expect(heard).toEqual([])
  })

  it('accepts a delivery again that the bus has refused, and one that comes twice at once only once', async () => {
    accept = () => Promise.reject(new WgrokError('spool-full', 'no room'))
    const message = emulator.say(ann, direct, 'x')
    expect(await post(delivery(message.id))).toMatchObject({ status: 507 })
    let go: () => void = () => {}
    accept = one => {
      heard.push(one)
      return new Promise(resolve => {
        go = resolve
      })
    }
    const both = Promise.all([post(delivery(message.id)), post(delivery(message.id))])
    await until(() => heard.length === 1)
    go()
    expect(await both).toEqual([{ status: 200 }, { status: 200 }])
    expect(heard).toHaveLength(1)
  })

  it('does not keep Webex waiting', async () => {
    accept = message => {
      heard.push(message)
      return new Promise(() => {})
    }
    const answer = post(delivery(emulator.say(ann, direct, 'x').id))
    await until(() => heard.length === 1)
    await clock.advance(10_000)
    expect(await answer).toMatchObject({ status: 504 })
    expect(clock.pending).toBe(0)
  })
})

describe('what the endpoint refuses', () => {
  it.each([
    ['a signature with another secret', '{"hush":1}', 'other', {}, 401, 'auth-failed'],
    ['no signature', '{"hush":1}', SECRET, { 'x-spark-signature': '' }, 401, 'auth-failed'],
    ['half a signature', '{"hush":1}', SECRET, { 'x-spark-signature': 'abcd' }, 401, 'auth-failed'],
    ['a body that is no JSON', 'hush', SECRET, {}, 400, 'body-invalid'],
    ['a body of another shape', '{"hush":1}', SECRET, {}, 400, 'body-invalid'],
    [
      'an id that is none',
      '{"resource":"messages","event":"created","data":{"id":7}}',
      SECRET,
      {},
      400,
      'body-invalid',
    ],
    ['a body over the limit', 'x'.repeat(LIMITS.webhookBody + 1), SECRET, {}, 413, 'body-too-large'],
  ] as const)('%s', async (_what, body, secret, headers, status, code) => {
    expect(await post(body, secret, headers)).toMatchObject({ status, body: JSON.stringify({ code }) })
    expect(lines.map(line => [line.level, line.fields['code']])).toEqual([['warn', code]])
    expect(JSON.stringify(lines) + String(lines[0]?.fields['error'])).not.toMatch(/hush|webhook-secret|tok-/)
    expect(emulator.calls).toEqual([])
  })

  it('what was accepted before, in whatever body', async () => {
    const message = emulator.say(ann, direct, 'x')
    expect(await post(delivery(message.id))).toEqual({ status: 200 })
    expect(await post(delivery(message.id))).toMatchObject({ status: 401 })
    expect(await post(delivery(message.id, { id: 'W2' }))).toMatchObject({ status: 401 })
    expect(await post(delivery(message.uuid))).toMatchObject({ status: 401 })
    expect(heard).toHaveLength(1)
    expect(lines.map(line => [line.level, line.fields['code']])).toEqual(Array(3).fill(['warn', 'auth-failed']))
  })

  it('everything while its own token is refused, and nothing after that', async () => {
    emulator.plan('GET /v1/people/me', { status: 503 })
    const message = emulator.say(ann, direct, 'x')
    expect(await post(delivery(message.id))).toMatchObject({ status: 503 })
    expect(await post(delivery(message.id))).toEqual({ status: 200 })
  })
})

describe('the signature', () => {
  it('is HMAC-SHA1 over the bytes, in lower or upper case', () => {
    const rawBody = Buffer.from([0x7b, 0xff, 0xfe, 0x7d])
    const signature = createHmac('sha1', SECRET).update(rawBody).digest('hex')
    for (const given of [signature, signature.toUpperCase()]) {
      verifyWebexSignature({ headers: { 'x-spark-signature': given }, rawBody }, SECRET)
    }
    const forged = { headers: { 'x-spark-signature': signature }, rawBody: Buffer.from('{}') }
    expect(() => verifyWebexSignature(forged, SECRET)).toThrow('[auth-failed]')
  })
})
