import { DiscordAPIError, REST } from '@discordjs/rest'
import { CloseCodes, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws'
import { Client, Events, type GatewayIntentBits, type Message } from 'discord.js'
import { verifyKey } from 'discord-interactions'
import { afterEach, describe, expect, it } from 'vitest'
import { DISCORD_BOT, type DiscordEmulator } from '../../src/testing/discord/emulator.js'
import { tooMany } from '../../src/testing/discord/rates.js'
import { Bench, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const HELPER = { token: 'helper-token', id: '44', applicationId: '9', username: 'helper' }

describe('@discordjs/rest against the emulator', () => {
  function rest(emulator: DiscordEmulator, token = DISCORD_BOT.token): REST {
    return new REST({ version: '10', api: emulator.restUrl }).setToken(token)
  }

  it('sends, and hears why it may not', async () => {
    const emulator = await bench.emulator()
    const sent = await rest(emulator).post('/channels/1234/messages', { body: { content: 'hello' } })
    expect(sent).toMatchObject({ content: 'hello', author: { id: '43', bot: true } })
    const long = rest(emulator).post('/channels/1234/messages', { body: { content: '😀'.repeat(2001) } })
    await expect(long).rejects.toMatchObject({ code: 50035, status: 400 })
    await expect(long).rejects.toBeInstanceOf(DiscordAPIError)
    await expect(rest(emulator).post('/channels/5/messages', { body: { content: 'x' } })).rejects.toMatchObject({
      code: 10003,
    })
    await expect(rest(emulator, 'wrong').get('/users/@me')).rejects.toMatchObject({ status: 401 })
  })

  it('takes 2,000 characters beyond the basic plane', async () => {
    const emulator = await bench.emulator()
    const sent = await rest(emulator).post('/channels/1234/messages', { body: { content: '😀'.repeat(2000) } })
    expect(sent).toMatchObject({ content: '😀'.repeat(2000) })
  })

  it('waits out buckets and 429 of every scope', async () => {
    const emulator = await bench.emulator({ rates: { message: { limit: 2, windowMs: 250 } } })
    const client = rest(emulator)
    const limited: string[] = []
    client.on('rateLimited', ({ global, scope }) => limited.push(global ? 'global' : scope))
    for (let i = 0; i < 5; i++) await client.post('/channels/1234/messages', { body: { content: `m${i}` } })
    expect(emulator.messages.map(message => message.content)).toEqual(['m0', 'm1', 'm2', 'm3', 'm4'])
    expect(emulator.calls.every(call => call.status === 200)).toBe(true)
    expect(limited.length).toBeGreaterThan(0)
  })

  it.each(['user', 'shared', 'global'] as const)('waits after a 429 of scope %s', async scope => {
    const emulator = await bench.emulator()
    emulator.fail({ answer: tooMany(scope, 100) })
    const begun = Date.now()
    await rest(emulator).post('/channels/1234/messages', { body: { content: 'late' } })
    expect(Date.now() - begun).toBeGreaterThanOrEqual(90)
    expect(emulator.calls.map(call => call.status)).toEqual([429, 200])
  })

  it('gets the same message for the same nonce', async () => {
    const emulator = await bench.emulator()
    const body = { content: 'once', nonce: 'n1', enforce_nonce: true }
    const first = await rest(emulator).post('/channels/1234/messages', { body })
    const second = await rest(emulator).post('/channels/1234/messages', { body })
    expect(second).toEqual(first)
    expect(emulator.messages).toHaveLength(1)
  })
})

describe('@discordjs/ws against the emulator', () => {
  function manager(emulator: DiscordEmulator, token = DISCORD_BOT.token): WebSocketManager {
    const rest = new REST({ version: '10', api: emulator.restUrl }).setToken(DISCORD_BOT.token)
    const created = new WebSocketManager({ token, intents: 37376 as GatewayIntentBits, rest })
    created.on(WebSocketShardEvents.Error, () => {})
    bench.add({ close: () => created.destroy({ code: CloseCodes.Normal }) })
    return created
  }

  function heardBy(client: WebSocketManager): string[] {
    const heard: string[] = []
    client.on(WebSocketShardEvents.Dispatch, ({ t, d }: { t: string; d: unknown }) => {
      if (t === 'MESSAGE_CREATE') heard.push((d as { content: string }).content)
    })
    return heard
  }

  it('identifies, beats and hears', async () => {
    const emulator = await bench.emulator({ heartbeatInterval: 40 })
    const client = manager(emulator)
    const heard = heardBy(client)
    await client.connect()
    emulator.post({ channelId: '1234', content: 'first' })
    await until(() => heard.length === 1)
    await until(() => emulator.gateway.sent(1).length >= 3)
    expect(emulator.gateway.sent(2)).toHaveLength(1)
  })

  it.each([
    ['op 7', (emulator: DiscordEmulator) => emulator.gateway.reconnect()],
    ['close 4000', (emulator: DiscordEmulator) => emulator.gateway.closeAll(4000)],
    ['a cut', (emulator: DiscordEmulator) => emulator.gateway.cut()],
  ])('resumes after %s and hears what it missed', async (_name, disturb) => {
    const emulator = await bench.emulator()
    const client = manager(emulator)
    const heard = heardBy(client)
    let resumed = 0
    client.on(WebSocketShardEvents.Resumed, () => resumed++)
    await client.connect()
    disturb(emulator)
    await until(() => emulator.gateway.closes.length === 1)
    emulator.post({ channelId: '1234', content: 'missed' })
    await until(() => heard.includes('missed'))
    expect(heard).toEqual(['missed'])
    await until(() => resumed === 1)
    expect(emulator.gateway.sent(6)).toHaveLength(1)
  })

  it('identifies anew when the session is gone', async () => {
    const emulator = await bench.emulator()
    const client = manager(emulator)
    let ready = 0
    client.on(WebSocketShardEvents.Ready, () => ready++)
    await client.connect()
    emulator.gateway.invalidate(false)
    await until(() => ready === 2)
    expect(emulator.gateway.sent(2)).toHaveLength(2)
  })

  it('takes missing acks for a dead connection', async () => {
    const emulator = await bench.emulator({ heartbeatInterval: 60 })
    const client = manager(emulator)
    await client.connect()
    let resumed = 0
    client.on(WebSocketShardEvents.Resumed, () => resumed++)
    emulator.gateway.silence.acks = true
    await until(() => emulator.gateway.sent(6).length >= 1)
    emulator.gateway.silence.acks = false
    await until(() => resumed >= 1)
  })

  it('is refused for a wrong token', async () => {
    const emulator = await bench.emulator()
    await expect(manager(emulator, 'wrong').connect()).rejects.toThrow()
    await until(() => emulator.gateway.closes.length > 0)
    expect(emulator.gateway.closes.map(({ code }) => code)).toEqual([4004])
  })
})

describe('discord.js against the emulator', () => {
  it('logs in, hears people and bots, and sends with a nonce', async () => {
    const emulator = await bench.emulator({ bots: [DISCORD_BOT, HELPER] })
    const client = new Client({ intents: 37377, rest: { api: emulator.restUrl } })
    bench.add({ close: () => client.destroy() })
    const heard: Message[] = []
    client.on(Events.MessageCreate, message => heard.push(message))
    const ready = new Promise(resolve => client.once(Events.ClientReady, resolve))
    await client.login(DISCORD_BOT.token)
    await ready
    emulator.post({ channelId: '1234', content: 'from ann' })
    emulator.post({ channelId: '1234', content: 'from a bot', author: { id: '44', username: 'helper', bot: true } })
    await until(() => heard.length === 2)
    expect(heard.map(message => [message.content, message.author.bot])).toEqual([
      ['from ann', false],
      ['from a bot', true],
    ])
    const channel = client.channels.cache.get('1234')
    if (channel?.isSendable() !== true) throw new Error('not a text channel')
    const sent = await channel.send({ content: 'answer', nonce: 'n9', enforceNonce: true, embeds: [{ title: 'card' }] })
    expect(sent.content).toBe('answer')
    expect(sent.embeds[0]?.title).toBe('card')
    await until(() => heard.length === 3)
  })

  it('gets no text without the intent', async () => {
    const emulator = await bench.emulator()
    const client = new Client({ intents: 513, rest: { api: emulator.restUrl } })
    bench.add({ close: () => client.destroy() })
    const heard: string[] = []
    client.on(Events.MessageCreate, message => heard.push(message.content))
    await client.login(DISCORD_BOT.token)
    await until(() => client.isReady())
    emulator.post({ channelId: '1234', content: 'hidden' })
    emulator.post({ channelId: '1234', content: 'hey <@43>', mentions: ['43'] })
    await until(() => heard.length === 2)
    expect(heard).toEqual(['', 'hey <@43>'])
  })
})

describe("discord-interactions' verifyKey", () => {
  it('accepts what the emulator signs, and nothing else', async () => {
    const emulator = await bench.emulator()
    const verify = async (spoil?: 'wrong' | 'body') => {
      const { headers, rawBody } = emulator.sign({ type: 1 }, spoil === undefined ? {} : { spoil })
      return verifyKey(
        rawBody,
        headers['x-signature-ed25519'] ?? '',
        headers['x-signature-timestamp'] ?? '',
        emulator.publicKey,
      )
    }
    expect(await verify()).toBe(true)
    expect(await verify('wrong')).toBe(false)
    expect(await verify('body')).toBe(false)
  })
})
