import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { WgrokReceiver } from '../../src/bus/receiver.js'
import { WgrokSender } from '../../src/bus/sender.js'
import { measure } from '../../src/frame/measure.js'
import { silent } from '../../src/log.js'
import { WgrokRouter } from '../../src/router/index.js'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp } from '../../src/testing/slack/workspace.js'
import { Inbox } from '../e2e/bus.js'
import { channel, listenTo, sendOptions, transportOf, until } from './support.js'

let emulator: SlackEmulator
let apps: Record<'router' | 'sender' | 'receiver', EmulatedSlackApp>
let bus: string
let agents: string
const open: { close(): Promise<void> }[] = []

beforeEach(async () => {
  emulator = await startSlackEmulator()
  apps = {
    router: emulator.addApp({ name: 'router' }),
    sender: emulator.addApp({ name: 'sender' }),
    receiver: emulator.addApp({ name: 'receiver' }),
  }
  bus = emulator.addChannel('bus', [apps.router.botUserId, apps.sender.botUserId])
  agents = emulator.addChannel('agents', [apps.router.botUserId, apps.receiver.botUserId])
})

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
  await emulator.close()
})

function add<T extends { close(): Promise<void> }>(one: T): T {
  open.push(one)
  return one
}

const encryptKeys = [randomBytes(32).toString('base64')]

async function startBus(inbox: Inbox): Promise<WgrokSender> {
  const appsOfTeam = [`apps.${emulator.teamId}.slack`]
  const router = new WgrokRouter(
    {
      domains: [...appsOfTeam, `${emulator.teamId}.slack`],
      slackTokens: [apps.router.botToken],
      slackAppTokens: [apps.router.appToken],
      slackApiUrl: emulator.apiUrl,
      routes: { worker: `slack:${agents}` },
    },
    { logger: silent },
  )
  await add(router).start()
  const common = (app: EmulatedSlackApp) =>
    ({ platform: 'slack', token: app.botToken, slackAppToken: app.appToken, slackApiUrl: emulator.apiUrl }) as const
  const receiver = new WgrokReceiver(
    { ...common(apps.receiver), slug: 'worker', domains: appsOfTeam, target: agents, encryptKeys },
    inbox.handler,
    { logger: silent },
  )
  await add(receiver).listen()
  return add(
    new WgrokSender(
      { ...common(apps.sender), slug: 'worker', from: 'ci', target: bus, encryptKeys },
      { logger: silent },
    ),
  )
}

describe('the bus over Slack alone', () => {
  it('brings a message once whose answer was lost on its way', async () => {
    await startBus(new Inbox())
    const ann = emulator.addUser({ name: 'ann' })
    const room = emulator.addChannel('people', [ann.id, apps.router.botUserId])
    emulator.planAfter('chat.postMessage', 'drop', { status: 503, text: 'sorry' })
    for (const n of [1, 2, 3]) emulator.say(room, ann.id, `./echo:worker:ci:-:${n}`)
    await until(() => emulator.messages.some(({ text }) => text === 'worker:ci:-:3'))
    const arrived = emulator.messages.filter(({ channel }) => channel === agents).map(({ text }) => text)
    expect(arrived).toEqual(['worker:ci:-:1', 'worker:ci:-:2', 'worker:ci:-:3'])
  })

  it('brings text, compressed and encrypted trains and cards to an agent in another channel', async () => {
    const inbox = new Inbox()
    const sender = await startBus(inbox)
    const card = { type: 'section', text: { type: 'plain_text', text: 'done' } }
    const long = Array.from({ length: 9_000 }, () =>
      String.fromCodePoint(0x1f300 + Math.floor(Math.random() * 500)),
    ).join('')
    const odd = '<@U1> &amp; *bold* 😀\r\n\thttps://example.com/ <b>'
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
    for (const { text } of emulator.messages) {
      expect(measure(text, { ...FRAME_LIMITS.slack, costs: {} })).toBeLessThanOrEqual(FRAME_LIMITS.slack.size)
    }
  })

  it('does not hear a person who is not on the list, and hears one whose address is', async () => {
    const ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const eve = emulator.addUser({ name: 'eve', email: 'eve@elsewhere.example' })
    const room = emulator.addChannel('people', [apps.router.botUserId, ann.id, eve.id])
    const router = new WgrokRouter(
      {
        domains: ['ann@example.com'],
        slackTokens: [apps.router.botToken],
        slackAppTokens: [apps.router.appToken],
        slackApiUrl: emulator.apiUrl,
      },
      { logger: silent },
    )
    await add(router).start()
    emulator.say(room, eve.id, `<@${apps.router.botUserId}> ./echo:a:b:-:eve`)
    emulator.say(room, ann.id, './echo:a:b:-:ann')
    await until(() => emulator.messages.length === 3)
    await until(() => emulator.unacked === 0)
    expect(emulator.messages.slice(2).map(({ channel, text }) => [channel, text])).toEqual([[room, 'a:b:-:ann']])
  })

  it('answers in the thread that it was asked in', async () => {
    const heard = await listenTo(add(transportOf(emulator, apps.sender)))
    const router = new WgrokRouter(
      {
        domains: [`apps.${emulator.teamId}.slack`],
        slackTokens: [apps.router.botToken],
        slackAppTokens: [apps.router.appToken],
        slackApiUrl: emulator.apiUrl,
      },
      { logger: silent },
    )
    await add(router).start()
    const sender = add(transportOf(emulator, apps.sender))
    await sender.send(channel(bus, '1700000000.000009'), { text: './echo:a:b:-:x' }, sendOptions())
    await until(() => heard.length === 1)
    expect(heard[0]).toMatchObject({ text: 'a:b:-:x', conversation: channel(bus, '1700000000.000009') })
  })
})
