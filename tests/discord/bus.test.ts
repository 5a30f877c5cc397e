import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { WgrokReceiver } from '../../src/bus/receiver.js'
import { WgrokSender } from '../../src/bus/sender.js'
import { silent } from '../../src/log.js'
import { WgrokRouter } from '../../src/router/index.js'
import type { DISCORD_BOT, DiscordEmulator } from '../../src/testing/discord/emulator.js'
import { Inbox } from '../e2e/bus.js'
import { Bench, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const [ROUTER, SENDER, RECEIVER] = ['router', 'sender', 'receiver'].map((name, i) => ({
  token: `${name}-token`,
  id: `${50 + i}`,
  applicationId: `${60 + i}`,
  username: name,
})) as [typeof DISCORD_BOT, typeof DISCORD_BOT, typeof DISCORD_BOT]
const encryptKeys = [randomBytes(32).toString('base64')]

async function startBus(routes: Record<string, string>): Promise<{
  emulator: DiscordEmulator
  sender: WgrokSender
  inbox: Inbox
}> {
  const emulator = await bench.emulator({ bots: [ROUTER, SENDER, RECEIVER], rates: false })
  emulator.addChannel({ id: '1235', type: 0, name: 'agents', guildId: '9' })
  const discordApiUrl = emulator.apiUrl
  const domains = ['bot.discord']
  const router = new WgrokRouter({ domains, discordTokens: [ROUTER.token], discordApiUrl, routes }, { logger: silent })
  await bench.add(router).start()
  const inbox = new Inbox()
  const common = { platform: 'discord', discordApiUrl, encryptKeys } as const
  const receiver = new WgrokReceiver(
    { ...common, token: RECEIVER.token, slug: 'worker', domains, target: '1235' },
    inbox.handler,
    { logger: silent },
  )
  await bench.add(receiver).listen()
  const sender = new WgrokSender(
    { ...common, token: SENDER.token, slug: 'worker', from: 'ci', target: '1234' },
    { logger: silent },
  )
  return { emulator, sender: bench.add(sender), inbox }
}

describe('the bus over Discord alone', () => {
  it.each([
    ['registered agents (Mode C)', { worker: 'discord:channel:1235' }],
    ['one channel for all (Mode B)', {}],
  ])('brings text, trains and cards to %s', async (_name, routes) => {
    const { emulator, inbox, sender } = await startBus(routes)
    const card = { title: 'done' }
    const odd = ' <@1> **bold** 😀\r\n\thttps://example.com/ ||x|| '
    const long = Array.from({ length: 9_000 }, () =>
      String.fromCodePoint(0x1f300 + Math.floor(Math.random() * 500)),
    ).join('')
    await sender.send('hello', { card })
    await sender.send(odd)
    await sender.send(long, { compress: true })
    await until(() => inbox.got.length === 3)
    expect(inbox.got.map(({ slug, payload, from }) => [slug, payload, from])).toEqual([
      ['worker', 'hello', 'ci'],
      ['worker', odd, 'ci'],
      ['worker', long, 'ci'],
    ])
    expect(inbox.got[0]?.cards).toMatchObject([card])
    expect(emulator.messages.length).toBeGreaterThan(8)
    expect(Math.max(...emulator.messages.map(message => [...message.content].length))).toBeLessThanOrEqual(2000)
  })
})
