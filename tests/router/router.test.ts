import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { silent } from '../../src/log.js'
import type { BotConfig } from '../../src/protocol.js'
import { WgrokRouter } from '../../src/router/index.js'
import { FakeTransport } from '../bus/fakes.js'

const SECRET = 'webhook-secret'
const routers: WgrokRouter[] = []
afterEach(async () => {
  await Promise.all(routers.splice(0).map(router => router.close()))
})

async function start(config: Partial<BotConfig> = {}, transports: readonly FakeTransport[] = []): Promise<WgrokRouter> {
  const router = new WgrokRouter({ domains: ['example.com'], ...config }, { logger: silent, transports })
  routers.push(router)
  await router.start()
  return router
}

async function post(router: WgrokRouter, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${router.httpUrl}/wgrok`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  }
}

const WEBHOOK = { webhookPort: 0, webhookSecret: SECRET }
const FRAME = { text: './echo:deploy:ci:-:start', from: 'ci@example.com' }

describe('starting', () => {
  it.each([
    [{}, 'config-missing'],
    [{ webhookPort: 0 }, 'config-missing'],
    [{ webhookPort: 0, webhookSecret: '' }, 'config-missing'],
    [{ ...WEBHOOK, domains: ['a[b'] }, 'config-invalid'],
    [{ slackTokens: ['a', 'b'], slackAppTokens: ['c'] }, 'config-invalid'],
  ])('refuses %j: %s', (config, code) => {
    expect(() => new WgrokRouter({ domains: ['example.com'], ...config })).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    [{ ...WEBHOOK, routes: { deploy: 'slack:C0123' } }, 'config-invalid'],
    [{ ...WEBHOOK, routes: { deploy: ':::' } }, 'config-invalid'],
  ])('fails for %j: %s', async (config, code) => {
    await expect(start(config)).rejects.toMatchObject({ code })
  })

  it('closes what was open when one account fails', async () => {
    const [good, bad] = [new FakeTransport(), new FakeTransport('slack')]
    bad.listen = () => Promise.reject(new Error('no'))
    await expect(start({}, [good, bad])).rejects.toMatchObject({ code: 'internal' })
    expect([good.closed, bad.closed]).toEqual([1, 1])
  })

  it('happens once', async () => {
    const router = await start({}, [new FakeTransport()])
    await expect(router.start()).rejects.toMatchObject({ code: 'closed' })
  })

  it('says when the port cannot be had', async () => {
    const router = await start(WEBHOOK)
    const webhookPort = Number(new URL(router.httpUrl ?? '').port)
    await expect(start({ ...WEBHOOK, webhookPort })).rejects.toMatchObject({ code: 'config-invalid' })
  })

  it('listens on no port without bridge and webhook', async () => {
    const router = await start({}, [new FakeTransport()])
    expect([router.httpUrl, router.bridgeUrl]).toEqual([undefined, undefined])
  })
})

describe('relaying', () => {
  it('crosses platforms', async () => {
    const [webex, slack] = [new FakeTransport('webex'), new FakeTransport('slack')]
    await start({ routes: { deploy: 'slack:C0123' } }, [webex, slack])
    await webex.hear({ text: './echo:deploy:ci:-:x:y', id: '1' })
    await expect.poll(() => slack.texts).toEqual(['deploy:ci:-:x:y'])
    expect(slack.sent[0]).toMatchObject({ to: { kind: 'channel', id: 'C0123' }, idempotencyKey: 'webex:1' })
    expect(webex.texts).toEqual([])
  })

  it('relays once what two accounts of one platform hear', async () => {
    const [one, two] = [new FakeTransport(), new FakeTransport()]
    const router = await start({}, [one, two])
    await one.hear({ text: './echo:deploy:ci:-:x', id: '1' })
    await two.hear({ text: './echo:deploy:ci:-:x', id: '1' })
    await expect.poll(() => one.texts).toEqual(['deploy:ci:-:x'])
    expect((await router.status()).counts).toMatchObject({ heard: 2, accepted: 1, duplicate: 1, sent: 1 })
  })

  it('does not listen to what it said itself by another account', async () => {
    const [one, two] = [new FakeTransport(), new FakeTransport()]
    const router = await start({}, [one, two])
    await one.hear({ text: './echo:deploy:ci:-:x' })
    await expect.poll(() => one.texts).toHaveLength(1)
    await two.hear({ text: './echo:again:ci:-:x', id: 'sent-1' })
    expect((await router.status()).counts).toMatchObject({ accepted: 1, duplicate: 1 })
  })

  it('holds a lane for a peer that asks, over the close that drains the others', async () => {
    const transport = new FakeTransport()
    const router = await start({}, [transport])
    await transport.hear({ text: './pause' })
    await transport.hear({ text: './echo:deploy:ci:-:1' })
    expect(await router.status()).toMatchObject({
      held: ['webex:room:room-1', 'webex:email:peer@example.com'],
      lanes: [{ lane: 'webex:room:room-1', messages: 1, held: true }],
    })
    await transport.hear({ text: './resume' })
    await expect.poll(() => transport.texts).toEqual(['deploy:ci:-:1'])
  })

  it('pauses and resumes everything', async () => {
    const transport = new FakeTransport()
    const router = await start({}, [transport])
    await router.pause()
    await transport.hear({ text: './echo:deploy:ci:-:1' })
    expect((await router.status()).paused).toBe(true)
    expect(transport.texts).toEqual([])
    await router.resume()
    await expect.poll(() => transport.texts).toEqual(['deploy:ci:-:1'])
  })
})

describe('closing', () => {
  it('sends what was accepted, then hears nothing more', async () => {
    const transport = new FakeTransport()
    const router = await start({}, [transport])
    for (let n = 0; n < 50; n++) await transport.hear({ text: `./echo:deploy:ci:-:${n}` })
    await router.close()
    expect(transport.texts).toHaveLength(50)
    expect(transport.closed).toBe(1)
    await expect(transport.hear({ text: './echo:deploy:ci:-:x' })).rejects.toMatchObject({ code: 'closed' })
    expect((await router.status()).state).toBe('closed')
  })

  it('does not wait when it is told twice', async () => {
    const transport = new FakeTransport()
    transport.onSend = () => new Promise(() => {})
    const router = await start({}, [transport])
    await transport.hear({ text: './echo:deploy:ci:-:x' })
    const closed = router.close()
    await Promise.all([router.close(), closed])
    expect((await router.status()).state).toBe('closed')
  })
})

describe('POST /wgrok', () => {
  it('takes a frame and says under which id', async () => {
    const webex = new FakeTransport()
    const router = await start({ ...WEBHOOK, routes: { deploy: 'deploy-bot@example.com' } }, [webex])
    const { status, body } = await post(router, { ...FRAME, attachments: [{ type: 'AdaptiveCard' }] })
    expect([status, body]).toEqual([202, { status: 'accepted', id: expect.stringMatching(/^[\w-]{36}$/) }])
    await expect.poll(() => webex.sent).toHaveLength(1)
    expect(webex.sent[0]).toMatchObject({
      to: { kind: 'email', id: 'deploy-bot@example.com' },
      message: { text: 'deploy:ci:-:start', cards: [{ type: 'AdaptiveCard' }] },
    })
  })

  it('relays once what comes twice with one Idempotency-Key', async () => {
    const webex = new FakeTransport()
    const router = await start({ ...WEBHOOK, routes: { deploy: 'deploy-bot@example.com' } }, [webex])
    const answers = [
      await post(router, FRAME, { 'idempotency-key': 'k-1' }),
      await post(router, FRAME, { 'idempotency-key': 'k-1' }),
    ]
    expect(answers.map(({ body }) => body)).toEqual(Array(2).fill({ status: 'accepted', id: 'k-1' }))
    await router.close()
    expect(webex.sent).toHaveLength(1)
  })

  it('sends an unregistered slug to the caller where a platform knows him by his e-mail', async () => {
    const webex = new FakeTransport()
    const router = await start(WEBHOOK, [webex])
    expect((await post(router, FRAME)).status).toBe(202)
    await expect.poll(() => webex.sent[0]?.to).toEqual({ platform: 'webex', kind: 'email', id: 'ci@example.com' })
  })

  it('ignores what asks for nothing', async () => {
    const router = await start(WEBHOOK)
    expect((await post(router, { ...FRAME, text: './route:x' })).body).toMatchObject({ status: 'ignored' })
  })

  it.each([
    ['no secret', FRAME, { authorization: '' }, 401, 'auth-failed'],
    ['a wrong secret', FRAME, { authorization: 'Bearer nope' }, 401, 'auth-failed'],
    ['the secret as another scheme', FRAME, { authorization: `Basic ${SECRET}` }, 401, 'auth-failed'],
    ['no JSON', '{"text":', {}, 400, 'body-invalid'],
    ['an empty body', '', {}, 400, 'body-invalid'],
    ['a missing field', { text: 'x' }, {}, 400, 'body-invalid'],
    ['a field of another type', { ...FRAME, text: 7 }, {}, 400, 'body-invalid'],
    ['text that is no frame', { ...FRAME, text: 'hello' }, {}, 400, 'not-a-frame'],
    ['a malformed frame', { ...FRAME, text: './echo:a' }, {}, 400, 'frame-malformed'],
    ['a stranger', { ...FRAME, from: 'x@evil.example' }, {}, 403, 'not-allowed'],
    ['another type', 'text', { 'content-type': 'text/plain' }, 415, 'media-type-unsupported'],
    ['no type', 'text', { 'content-type': '' }, 415, 'media-type-unsupported'],
    ['too much', { ...FRAME, text: 'x'.repeat(1_048_577) }, {}, 413, 'body-too-large'],
    ['nowhere to go', FRAME, {}, 422, 'target-invalid'],
  ])('refuses %s', async (_what, body, headers, status, code) => {
    const router = await start(WEBHOOK)
    const answer = await post(router, body, headers as Record<string, string>)
    expect([answer.status, answer.body['code'], answer.body['status']]).toEqual([status, code, status])
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body['instance']).toBe(answer.headers.get('x-request-id'))
    expect(JSON.stringify(answer.body)).not.toContain(SECRET)
    const { heard } = (await router.status()).counts
    expect(heard).toBe([400, 403, 422].includes(status) && code !== 'body-invalid' ? 1 : 0)
  })

  it('says 404 elsewhere, and refuses upgrades that are not for the bridge', async () => {
    const router = await start({ ...WEBHOOK, bridgeTokens: ['agents:tok'] })
    expect((await fetch(`${router.httpUrl}/nope`)).status).toBe(404)
    const socket = new WebSocket(`${router.bridgeUrl ?? ''}/nope`)
    const error = await new Promise<Error>(resolve => socket.once('error', resolve))
    expect(error.message).toContain('404')
  })

  it('does not exist without a webhook port, but health does', async () => {
    const router = await start({ bridgeTokens: ['agents:tok'], bridgePort: 0 })
    expect((await post(router, FRAME)).status).toBe(404)
    expect(await (await fetch(`${router.httpUrl}/healthz`)).json()).toEqual({ status: 'ok' })
  })
})
