import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { silent } from '../../src/log.js'
import type { BotConfig } from '../../src/protocol.js'
import { WgrokRouter } from '../../src/router/index.js'
import { DISCORD_BOT, startDiscordEmulator } from '../../src/testing/discord/emulator.js'
import { startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { startWebexEmulator } from '../../src/testing/webex/emulator.js'
import { memoryLogger } from '../bus/fakes.js'
import { until } from '../slack/support.js'
import { freePort } from '../support/debian-server.js'

const SECRET = 'a-secret-of-the-webhook'
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

function add<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one)
  return one
}

async function startRouter(config: Partial<BotConfig>, logger = silent): Promise<WgrokRouter> {
  const router = add(new WgrokRouter({ domains: ['example.com'], bridgePort: 0, ...config }, { logger }))
  await router.start()
  return router
}

describe('the webhook of Slack', () => {
  it('is enough without an app-level token: nothing connects, events are relayed, people are found by e-mail', async () => {
    const emulator = add(await startSlackEmulator())
    const app = emulator.addApp({ name: 'router' })
    const ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const room = emulator.addChannel('general', [app.botUserId, ann.id])
    const router = await startRouter({
      slackTokens: [app.botToken],
      slackSigningSecret: app.signingSecret,
      slackApiUrl: emulator.apiUrl,
      webhookPort: 0,
      webhookSecret: SECRET,
    })
    expect(emulator.connections(app)).toEqual([])
    expect((await fetch(`${router.httpUrl}/readyz`)).status).toBe(200)
    app.requestUrl = `${router.httpUrl}/webhooks/slack`
    expect(await emulator.verify(app)).toBe(true)
    emulator.say(room, ann.id, './echo:a:b:-:x & y')
    await until(() => emulator.messages.length === 2)
    expect(emulator.messages[1]).toMatchObject({ channel: room, text: 'a:b:-:x &amp; y' })

    const posted = await fetch(`${router.httpUrl}/wgrok`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text: './echo:a:b:-:posted', from: 'ann@example.com' }),
    })
    expect(posted.status).toBe(202)
    await until(() => emulator.messages.length === 3)
    expect(emulator.messages[2]).toMatchObject({ channel: emulator.direct(app, ann.id), text: 'a:b:-:posted' })
  })

  it('refuses what is not signed, and needs a token', async () => {
    const emulator = add(await startSlackEmulator())
    const app = emulator.addApp({ name: 'router' })
    const config = { slackSigningSecret: app.signingSecret, slackApiUrl: emulator.apiUrl, bridgeTokens: ['a:b'] }
    const router = await startRouter({ ...config, slackTokens: [app.botToken] })
    const answer = await fetch(`${router.httpUrl}/webhooks/slack`, { method: 'POST', body: '{}' })
    expect(answer.status).toBe(401)
    await expect(startRouter(config)).rejects.toThrow(/\[config-missing\] WGROK_SLACK_TOKENS/)
  })
})

describe('the webhook of Webex', () => {
  it('is registered for every account, beside the socket, and delivers once', async () => {
    const emulator = add(await startWebexEmulator())
    const [first, second] = [emulator.addBot('one'), emulator.addBot('two')]
    const ann = emulator.addPerson('ann', 'ann@example.com')
    const port = await freePort()
    const publicUrl = `http://127.0.0.1:${port}/`
    const router = await startRouter({
      webexTokens: [first.token, second.token],
      webexWebhookSecret: SECRET,
      webexApiUrl: emulator.apiUrl,
      publicUrl,
      webhookPort: port,
      webhookSecret: SECRET,
    })
    expect(
      emulator.webhooks.map(({ account, resource, targetUrl }) => [account.name, resource, targetUrl].join(' ')).sort(),
    ).toEqual([
      `one attachmentActions ${publicUrl}webhooks/webex`,
      `one messages ${publicUrl}webhooks/webex`,
      `two attachmentActions ${publicUrl}webhooks/webex/2`,
      `two messages ${publicUrl}webhooks/webex/2`,
    ])
    const room = emulator.directRoom(ann, second)
    const message = emulator.say(ann, room, './echo:a:b:-:x')
    const { headers, rawBody } = emulator.delivery('messages', message.id, SECRET)
    const answer = await fetch(`${publicUrl}webhooks/webex/2`, { method: 'POST', headers, body: rawBody })
    expect(answer.status).toBe(200)
    await until(() => emulator.messages.length === 2)
    expect(emulator.messages[1]).toMatchObject({ room, text: 'ann a:b:-:x' })
    const { counts } = await router.status()
    expect(counts).toMatchObject({ accepted: 1, refused: 0 })

    const posted = await fetch(`${router.httpUrl}/wgrok`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text: './echo:a:b:-:posted', from: 'ann@example.com' }),
    })
    expect(posted.status).toBe(202)
    await until(() => emulator.messages.length === 3)
    expect(emulator.messages[2]).toMatchObject({ text: 'a:b:-:posted' })
  })

  it('does not keep the router from starting when it cannot be registered', async () => {
    const emulator = add(await startWebexEmulator())
    const bot = emulator.addBot('one')
    emulator.plan('GET /v1/webhooks', { status: 500, json: { message: SECRET } })
    const logger = memoryLogger()
    await startRouter(
      {
        webexTokens: [bot.token],
        webexWebhookSecret: SECRET,
        webexApiUrl: emulator.apiUrl,
        publicUrl: 'http://router.example.com',
      },
      logger,
    )
    const errors = logger.lines.filter(({ level }) => level === 'error')
    expect(errors).toMatchObject([
      { msg: 'a webhook could not be registered', fields: { code: 'platform-unavailable' } },
    ])
    expect(JSON.stringify(errors)).not.toContain(SECRET)
  })
})

describe('the webhook of Discord', () => {
  it('answers interactions with what became of the frame', async () => {
    const emulator = add(await startDiscordEmulator({ rates: false }))
    const router = await startRouter({
      domains: ['discord'],
      discordTokens: [DISCORD_BOT.token],
      discordPublicKey: emulator.publicKey,
      discordApiUrl: emulator.apiUrl,
    })
    const send = async (text: string): Promise<unknown> => {
      const { headers, rawBody } = emulator.sign({
        id: randomUUID(),
        application_id: DISCORD_BOT.applicationId,
        type: 2,
        token: 'interaction-token',
        channel_id: '1234',
        guild_id: '9',
        member: { user: { id: '42', username: 'ann' } },
        data: { name: 'wgrok', options: [{ name: 'text', type: 3, value: text }] },
      })
      const answer = await fetch(`${router.httpUrl}/webhooks/discord`, { method: 'POST', headers, body: rawBody })
      expect(answer.status).toBe(200)
      return answer.json()
    }
    expect(await send('./echo:a:b:-:x')).toMatchObject({ type: 4, data: { content: 'Taken.' } })
    expect(await send('hello')).toMatchObject({ type: 4, data: { content: 'That is no frame for wgrok.' } })
    await until(() => emulator.messages.length === 1)
    expect(emulator.messages[0]).toMatchObject({ channel_id: '1234', content: 'a:b:-:x' })
  })

  it('holds up who cannot sign, and never the platform, though a proxy gives both one address', async () => {
    const emulator = add(await startDiscordEmulator({ rates: false }))
    const router = await startRouter({
      discordTokens: [DISCORD_BOT.token],
      discordPublicKey: emulator.publicKey,
      discordApiUrl: emulator.apiUrl,
    })
    const url = `${router.httpUrl}/webhooks/discord`
    const ping = emulator.sign({ id: randomUUID(), application_id: DISCORD_BOT.applicationId, type: 1, token: 't' })
    const forged = async (): Promise<number> =>
      (await fetch(url, { method: 'POST', headers: ping.headers, body: '{"type":1}' })).status
    const statuses = [await forged()]
    // A tenth of the rate, and a little more, since the bucket fills up meanwhile.
    while (statuses.length < LIMITS.webhookRate / 5 && statuses.at(-1) === 401) statuses.push(await forged())
    expect(statuses.length).toBeGreaterThanOrEqual(LIMITS.webhookRate / 10)
    expect(statuses.at(-1)).toBe(429)
    expect((await fetch(url, { method: 'POST', headers: ping.headers, body: ping.rawBody })).status).toBe(200)
  })

  it('needs a key in its form', async () => {
    const emulator = add(await startDiscordEmulator())
    const config = { discordTokens: [DISCORD_BOT.token], discordPublicKey: 'abc', discordApiUrl: emulator.apiUrl }
    await expect(startRouter(config)).rejects.toMatchObject({ code: 'config-invalid' })
  })
})
