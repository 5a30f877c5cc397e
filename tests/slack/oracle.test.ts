import { createRequire } from 'node:module'
import net from 'node:net'
import { SocketModeClient } from '@slack/socket-mode'
import { ErrorCode, type WebAPICallError, WebClient } from '@slack/web-api'
import { afterEach, describe, expect, it } from 'vitest'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { signSlack } from '../../src/testing/slack/hooks.js'
import { until } from './support.js'

const { App } = createRequire(import.meta.url)('@slack/bolt') as typeof import('@slack/bolt')

let emulator: SlackEmulator
const closing: (() => unknown)[] = []

async function start(...[options]: Parameters<typeof startSlackEmulator>): Promise<SlackEmulator> {
  emulator = await startSlackEmulator(options)
  return emulator
}

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
  await emulator.close()
})

function webClient(token: string): WebClient {
  return new WebClient(token, {
    slackApiUrl: `${emulator.apiUrl}/`,
    retryConfig: { retries: 2, factor: 1 },
    logLevel: quiet,
  })
}

const quiet = 'error' as never

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

describe('@slack/web-api', () => {
  it('posts, looks up and opens conversations', async () => {
    await start()
    const app = emulator.addApp({ name: 'oracle' })
    const ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const room = emulator.addChannel('general', [app.botUserId, ann.id])
    const client = webClient(app.botToken)
    const me = await client.auth.test()
    expect([me.user_id, me.bot_id, me.team_id]).toEqual([app.botUserId, app.botId, emulator.teamId])
    const section = { type: 'section', text: { type: 'plain_text', text: 'card' } } as const
    const posted = await client.chat.postMessage({ channel: room, text: 'a &amp; b', blocks: [section], mrkdwn: false })
    expect(posted).toMatchObject({ ok: true, channel: room, message: { text: 'a &amp; b', bot_id: app.botId } })
    expect(emulator.messages[0]?.['blocks']).toMatchObject([section])
    const found = await client.users.lookupByEmail({ email: 'Ann@example.com' })
    const opened = await client.conversations.open({ users: found.user?.id ?? '' })
    expect(opened.channel?.id).toMatch(/^D/)
    expect((await client.conversations.info({ channel: room })).channel?.is_member).toBe(true)
  })

  it('reads back what was posted with its metadata, page by page, and threads by themselves', async () => {
    await start()
    const app = emulator.addApp({ name: 'oracle' })
    const ann = emulator.addUser({ name: 'ann' })
    const room = emulator.addChannel('general', [app.botUserId, ann.id])
    const client = webClient(app.botToken)
    const metadata = { event_type: 'wgrok_message', event_payload: { id: 'n4bQgYhMfWWaL-qgxVrQFa' } }
    const first = emulator.say(room, ann.id, 'first')
    const posted = await client.chat.postMessage({ channel: room, text: 'second', metadata })
    await client.chat.postMessage({ channel: room, text: 'in a thread', thread_ts: first.ts, metadata })
    const whole = await client.conversations.history({ channel: room, include_all_metadata: true })
    expect(whole.messages?.map(({ text }) => text)).toEqual(['second', 'first'])
    expect(whole.messages?.[0]).toMatchObject({ ts: posted.ts, bot_id: app.botId, metadata })
    const plain = await client.conversations.history({ channel: room })
    expect(plain.messages?.[0]).not.toHaveProperty('metadata')
    const thread = await client.conversations.replies({ channel: room, ts: first.ts, include_all_metadata: true })
    expect(thread.messages?.map(({ text }) => text)).toEqual(['first', 'in a thread'])
    expect(thread.messages?.[1]?.metadata).toEqual(metadata)
    const since = await client.conversations.history({ channel: room, oldest: first.ts })
    expect([since.messages?.length, since.has_more]).toEqual([1, false])
    const texts: unknown[] = []
    for await (const page of client.paginate('conversations.history', { channel: room, limit: 1 })) {
      texts.push(...((page as Awaited<ReturnType<typeof client.conversations.history>>).messages ?? []))
    }
    expect(texts).toMatchObject([{ text: 'second' }, { text: 'first' }])
    app.scopes.delete('channels:history')
    await expect(client.conversations.history({ channel: room })).rejects.toMatchObject({
      data: { error: 'missing_scope', needed: 'channels:history' },
    })
    await expect(
      client.chat.postMessage({ channel: room, text: 'x', metadata: { event_type: 'x' } as never }),
    ).rejects.toMatchObject({ data: { error: 'invalid_metadata_format' } })
  })

  it('gets platform errors and obeys Retry-After', async () => {
    await start()
    const app = emulator.addApp({ name: 'oracle', scopes: ['chat:write'] })
    const client = webClient(app.botToken)
    await expect(client.chat.postMessage({ channel: 'C9', text: 'x' })).rejects.toMatchObject({
      code: ErrorCode.PlatformError,
      data: { ok: false, error: 'channel_not_found' },
    } satisfies Partial<WebAPICallError> & { data: unknown })
    await expect(client.users.info({ user: 'U1' })).rejects.toMatchObject({
      data: { error: 'missing_scope', needed: 'users:read' },
    })
    const room = emulator.addChannel('general', [app.botUserId])
    emulator.throttle('chat.postMessage', 1, 1)
    const before = Date.now()
    await client.chat.postMessage({ channel: room, text: 'x' })
    expect(Date.now() - before).toBeGreaterThanOrEqual(950)
    expect(emulator.calls.filter(call => call.method === 'chat.postMessage').map(call => call.status)).toEqual([
      200, 429, 200,
    ])
  })
})

describe('long texts', () => {
  it('are split above 4,000 characters, and cut above 40,000 with a warning and a success', async () => {
    await start()
    const app = emulator.addApp({ name: 'oracle' })
    const room = emulator.addChannel('general', [app.botUserId])
    const client = webClient(app.botToken)
    await client.chat.postMessage({ channel: room, text: 'x'.repeat(9_000) })
    expect(emulator.messages.map(({ text }) => text.length)).toEqual([4_000, 4_000, 1_000])
    const cut = await client.chat.postMessage({ channel: room, text: 'y'.repeat(40_001) })
    expect(cut).toMatchObject({ ok: true, response_metadata: { warnings: ['message_truncated'] } })
  })
})

describe('@slack/socket-mode', () => {
  it('is greeted, gets events and commands, acks, and comes back when told to go', async () => {
    await start({ sockets: { ackTimeoutMs: 200 } })
    const app = emulator.addApp({ name: 'oracle' })
    const ann = emulator.addUser({ name: 'ann' })
    const room = emulator.addChannel('general', [app.botUserId, ann.id])
    const client = new SocketModeClient({
      appToken: app.appToken,
      clientOptions: { slackApiUrl: `${emulator.apiUrl}/` },
      clientPingTimeout: 300,
      logLevel: quiet,
    })
    closing.push(() => client.disconnect())
    const heard: { readonly text: string; readonly retry: number }[] = []
    let deaf = true
    client.on('message', async ({ ack, event, retry_num: retry }) => {
      heard.push({ text: event.text, retry })
      // The first one is left unacked, for the emulator to repeat it.
      if (!deaf) await ack()
      deaf = false
    })
    client.on('slash_commands', async ({ ack, body }) => {
      heard.push({ text: body.text, retry: 0 })
      await ack({ text: 'taken' })
    })
    await client.start()
    emulator.say(room, ann.id, 'one < two')
    await until(() => emulator.acks.length === 1)
    expect(heard).toEqual([
      { text: 'one &lt; two', retry: 0 },
      { text: 'one &lt; two', retry: 1 },
    ])
    await emulator.command(app, ann.id, room, './pause')
    await until(() => emulator.acks.length === 2)
    expect(emulator.acks[1]?.payload).toEqual({ text: 'taken' })
    const [first] = emulator.connections(app)
    emulator.disconnect('refresh_requested')
    await until(() => emulator.connections(app).some(socket => socket !== first))
    emulator.say(room, ann.id, 'three')
    await until(() => heard.length === 4)
    expect(heard[3]?.text).toBe('three')
    await until(() => emulator.unacked === 0)
  })

  it('gives up on a socket that does not answer pings, and on a wrong token', async () => {
    await start()
    const app = emulator.addApp({ name: 'oracle' })
    const options = { clientOptions: { slackApiUrl: `${emulator.apiUrl}/` }, clientPingTimeout: 200, logLevel: quiet }
    const client = new SocketModeClient({ appToken: app.appToken, ...options })
    closing.push(() => client.disconnect())
    await client.start()
    const [first] = emulator.connections(app)
    emulator.sockets.pongs = false
    await until(() => first?.open === false)
    emulator.sockets.pongs = true
    await until(() => emulator.connections(app).length === 1)
    const wrong = new SocketModeClient({ appToken: app.botToken, ...options, autoReconnectEnabled: false })
    await expect(wrong.start()).rejects.toMatchObject({ data: { error: 'not_allowed_token_type' } })
  })
})

describe('@slack/bolt', () => {
  it('hears people and other bots over Socket Mode, and not itself', async () => {
    await start()
    const app = emulator.addApp({ name: 'bolt' })
    const other = emulator.addApp({ name: 'other' })
    const ann = emulator.addUser({ name: 'ann' })
    const room = emulator.addChannel('general', [app.botUserId, other.botUserId, ann.id])
    const bolt = new App({
      token: app.botToken,
      appToken: app.appToken,
      socketMode: true,
      clientOptions: { slackApiUrl: `${emulator.apiUrl}/` },
      logLevel: quiet,
    })
    const heard: unknown[] = []
    bolt.message(async ({ message, say }) => {
      heard.push('text' in message ? message.text : undefined)
      if (heard.length === 1) await say('answer')
    })
    bolt.action('go', async ({ ack, body }) => {
      await ack()
      heard.push(body.type)
    })
    await bolt.start()
    closing.push(() => bolt.stop())
    emulator.say(room, ann.id, 'hello')
    await until(() => emulator.messages.length === 2)
    await webClient(other.botToken).chat.postMessage({ channel: room, text: 'from a bot' })
    await until(() => heard.length === 2)
    const action = { type: 'button', action_id: 'go', block_id: 'b', action_ts: '1.1', value: 'x' }
    await emulator.interact(app, ann.id, { type: 'block_actions', actions: [action], channel: { id: room } })
    await until(() => heard.length === 3 && emulator.acks.length === 4)
    expect(heard).toEqual(['hello', 'from a bot', 'block_actions'])
  })

  it('takes signed requests over HTTP and refuses others', async () => {
    await start()
    const app = emulator.addApp({ name: 'bolt' })
    const ann = emulator.addUser({ name: 'ann' })
    const room = emulator.addChannel('general', [app.botUserId, ann.id])
    const bolt = new App({
      token: app.botToken,
      signingSecret: app.signingSecret,
      clientOptions: { slackApiUrl: `${emulator.apiUrl}/` },
      logLevel: quiet,
    })
    const heard: unknown[] = []
    bolt.message(async ({ message }) => void heard.push('text' in message ? message.text : undefined))
    bolt.command('/wgrok', async ({ ack, command }) => {
      await ack()
      heard.push(command.text)
    })
    const port = await freePort()
    await bolt.start(port)
    closing.push(() => bolt.stop())
    app.requestUrl = `http://127.0.0.1:${port}/slack/events`
    expect(await emulator.verify(app)).toBe(true)
    emulator.say(room, ann.id, 'over http')
    await until(() => heard.length === 1)
    expect(await emulator.command(app, ann.id, room, './echo:a:b:-:x')).toMatchObject({ status: 200 })
    expect(heard).toEqual(['over http', './echo:a:b:-:x'])
    const body = JSON.stringify({ type: 'url_verification', challenge: 'c', token: 't' })
    const forged = { 'content-type': 'application/json', ...signSlack('other', body, Math.floor(Date.now() / 1000)) }
    const answer = await fetch(app.requestUrl, { method: 'POST', body, headers: forged })
    expect(answer.status).toBe(401)
  })
})
