import { afterEach, describe, expect, it } from 'vitest'
import { DISCORD_BOT } from '../../src/testing/discord/emulator.js'
import { readMessage } from '../../src/transport/discord/inbound.js'
import { Bench, keyed, listening, memoryLogger, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const HELPER = { token: 'helper-token', id: '44', applicationId: '9', username: 'helper' }
const POST = { channelId: '1234' }

describe('a message that somebody writes', () => {
  it('is heard with who wrote it and where an answer goes', async () => {
    const emulator = await bench.emulator()
    const heard = await listening(bench.transport(emulator))
    const posted = emulator.post({ ...POST, content: './echo:deploy:ci:-:start', embeds: [{ title: 'card' }] })
    await until(() => heard.length === 1)
    expect(heard[0]).toEqual({
      platform: 'discord',
      id: posted.id,
      text: './echo:deploy:ci:-:start',
      cards: [{ type: 'rich', title: 'card' }],
      sender: { principals: ['42@discord'] },
      conversation: { platform: 'discord', kind: 'channel', id: '1234' },
    })
  })

  it('may be a reply, but not a notice of the system', async () => {
    const emulator = await bench.emulator()
    const heard = await listening(bench.transport(emulator))
    for (const type of [7, 20, 0, 19]) emulator.post({ ...POST, content: `type ${type}`, type })
    await until(() => heard.length === 2)
    expect(heard.map(message => message.text)).toEqual(['type 0', 'type 19'])
  })

  it('may come from another bot, never from ourselves', async () => {
    const emulator = await bench.emulator({ bots: [DISCORD_BOT, HELPER] })
    const router = bench.transport(emulator)
    const helper = bench.transport(emulator, {}, HELPER.token)
    const [byRouter, byHelper] = [await listening(router), await listening(helper)]
    const to = { platform: 'discord', kind: 'channel', id: '1234' } as const
    await router.send(to, { text: 'from the router' }, keyed('k1'))
    await helper.send(to, { text: 'from the helper' }, keyed('k2'))
    await until(() => byRouter.length === 1 && byHelper.length === 1)
    expect(byHelper[0]).toMatchObject({ text: 'from the router', sender: { principals: ['43@bot.discord'] } })
    expect(byRouter[0]).toMatchObject({ text: 'from the helper', sender: { principals: ['44@bot.discord'] } })
  })

  it('is known by the webhook that brought it, not by the name that it chose', async () => {
    const emulator = await bench.emulator()
    const heard = await listening(bench.transport(emulator))
    const author = { id: '43', username: 'wgrok', bot: true }
    emulator.post({ ...POST, content: 'by a webhook', author, webhookId: '77' })
    emulator.post({ ...POST, content: 'our own answer', author, webhookId: '8', applicationId: '8' })
    emulator.post({ ...POST, content: 'last' })
    await until(() => heard.length === 2)
    expect(heard.map(message => [message.text, message.sender.principals])).toEqual([
      ['by a webhook', ['77@webhook.discord']],
      ['last', ['42@discord']],
    ])
  })

  it('may be written directly', async () => {
    const emulator = await bench.emulator()
    const transport = bench.transport(emulator)
    const heard = await listening(transport)
    const direct = emulator.directChannel('43', '42')
    emulator.post({ channelId: direct.id, content: './pause' })
    await until(() => heard.length === 1)
    expect(heard[0]?.conversation).toEqual({ platform: 'discord', kind: 'channel', id: direct.id })
    await transport.send(heard[0]?.conversation ?? POST_NOWHERE, { text: 'ok' }, keyed('k'))
    expect(emulator.messages.at(-1)).toMatchObject({ channel_id: direct.id, content: 'ok' })
  })

  it('has lost the white space at its ends', async () => {
    const emulator = await bench.emulator()
    const heard = await listening(bench.transport(emulator))
    emulator.post({ ...POST, content: '\n  a:b:-:x\u0000y \n' })
    await until(() => heard.length === 1)
    expect(heard[0]?.text).toBe('a:b:-:xy')
  })
})

describe('a message without text', () => {
  it('tells once that the intent is missing', async () => {
    const emulator = await bench.emulator()
    const logger = memoryLogger()
    const heard = await listening(bench.transport(emulator, { logger }))
    const data = { channel_id: '1234', guild_id: '9', author: { id: '42' }, content: '', embeds: [], attachments: [] }
    for (const id of ['1', '2', '3']) emulator.gateway.dispatch('MESSAGE_CREATE', { ...data, id })
    emulator.post({ ...POST, content: 'last' })
    await until(() => heard.length === 1)
    const warned = logger.lines.filter(line => line.level === 'warn')
    expect(warned.map(line => line.msg)).toEqual([expect.stringContaining('MESSAGE_CONTENT')])
  })

  it('may just be a file, a sticker or a direct message', () => {
    const self = { userId: '43', applicationId: '8' }
    const message = { id: '1', channel_id: '2', guild_id: '9', author: { id: '42' }, content: '' }
    expect(readMessage(message, self)).toBe('textless')
    expect(readMessage({ ...message, attachments: [{ id: '5' }] }, self)).toBe('empty')
    expect(readMessage({ ...message, ...{ sticker_items: [{ id: '5' }] } }, self)).toBe('empty')
    const { guild_id: _guild, ...direct } = message
    expect(readMessage(direct, self)).toBe('empty')
    const { author: _author, ...anonymous } = message
    expect(readMessage({ ...anonymous, content: 'x' }, self)).toBe('anonymous')
  })
})

describe('a message that cannot be taken', () => {
  it('is offered again, since Discord would not', async () => {
    const emulator = await bench.emulator()
    const tries: string[] = []
    const { WgrokError } = await import('../../src/errors.js')
    await bench.transport(emulator).listen(async message => {
      tries.push(message.text)
      if (tries.length < 3) throw new WgrokError('spool-full', 'no room')
    })
    emulator.post({ ...POST, content: 'again' })
    await until(() => tries.length === 3)
    expect(tries).toEqual(['again', 'again', 'again'])
  })

  it('is given up with a warning that holds no text', async () => {
    const emulator = await bench.emulator()
    const logger = memoryLogger()
    await bench.transport(emulator, { logger }).listen(async () => {
      throw new Error('very private')
    })
    const posted = emulator.post({ ...POST, content: 'very private' })
    await until(() => logger.lines.some(line => line.level === 'warn'))
    const [line] = logger.lines.filter(({ level }) => level === 'warn')
    expect(line?.fields).toMatchObject({ code: 'internal', messageId: posted.id })
    expect(JSON.stringify(line)).not.toContain('very private')
  })
})

const POST_NOWHERE = { platform: 'discord', kind: 'channel', id: '0' } as const
