import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { WgrokReceiver } from '../../src/bus/receiver.js'
import { WgrokSender } from '../../src/bus/sender.js'
import { silent } from '../../src/log.js'
import type { Card, Platform } from '../../src/protocol.js'
import { WgrokRouter } from '../../src/router/index.js'
import { memoryLogger } from '../bus/fakes.js'
import { freePort } from '../support/debian-server.js'
import { Inbox } from './bus.js'
import { bridgePlace, discordPlace, ircPlace, type Place, slackPlace, webexPlace } from './places.js'

const PLATFORMS: readonly Platform[] = ['webex', 'slack', 'discord', 'irc', 'bridge']
const PAIRS = PLATFORMS.flatMap(from => PLATFORMS.filter(to => to !== from).map(to => [from, to] as const))
/** What one platform or another would damage: markup, links, white space at the ends, line breaks. */
const ODD = ' <@U1> &amp; *bold* 😀\r\n\thttps://example.com/ ||x|| \u0003 a@example.com '

const encryptKeys = [randomBytes(32).toString('base64')]
const places = new Map<Platform, Place>()
const inboxes = new Map<Platform, Inbox>()
const open: { close(): Promise<void> }[] = []
const logger = memoryLogger()
let router: WgrokRouter

beforeAll(async () => {
  const port = await freePort()
  for (const place of await Promise.all([webexPlace(), slackPlace(), discordPlace(), ircPlace(), bridgePlace(port)])) {
    places.set(place.platform, place)
    open.push(place)
  }
  const all = [...places.values()]
  const domains = all.flatMap(place => place.domains)
  router = new WgrokRouter(
    {
      ...Object.assign({}, ...all.map(place => place.bot)),
      domains,
      routes: Object.fromEntries(all.map(({ platform, route }) => [`at-${platform}`, route])),
    },
    { logger, transports: all.flatMap(place => place.accounts ?? []) },
  )
  open.push(router)
  await router.start()
  for (const { platform, receiver: peer } of all) {
    const inbox = new Inbox()
    const { config, transport } = peer()
    const receiver = new WgrokReceiver(
      { ...config, platform, slug: `at-${platform}`, domains: [...domains, 'agent.bridge'], encryptKeys },
      inbox.handler,
      { logger: silent, ...(transport === undefined ? {} : { transport }) },
    )
    open.push(receiver)
    await receiver.listen()
    inboxes.set(platform, inbox)
  }
})

afterAll(async () => {
  for (const one of open.reverse()) await one.close()
})

function placeOf(platform: Platform): Place {
  return places.get(platform) as Place
}

/** The sender on a platform, whose frames fit `via` too. IRC knows one connection per nick, so it is closed after use. */
async function withSender<T>(
  from: Platform,
  via: readonly Platform[],
  options: { readonly keys?: boolean },
  use: (sender: WgrokSender) => Promise<T>,
): Promise<T> {
  const { config, transport } = placeOf(from).sender()
  const sender = new WgrokSender(
    {
      ...config,
      platform: from,
      slug: 'nobody',
      from: 'ci',
      via: [...via],
      ...(options.keys === true ? { encryptKeys } : {}),
    },
    { logger: silent, ...(transport === undefined ? {} : { transport }) },
  )
  try {
    return await use(sender)
  } finally {
    await sender.close()
  }
}

/** Sends everything in order and waits until it is there. */
async function bring(from: Platform, to: Platform, card: boolean): Promise<void> {
  const inbox = inboxes.get(to) as Inbox
  const before = inbox.got.length
  const size = Math.ceil(2.5 * Math.min(FRAME_LIMITS[from].size, FRAME_LIMITS[to].size))
  const long = randomBytes(size).toString('base64').slice(0, size)
  const cards = card && placeOf(from).card !== undefined ? { card: placeOf(from).card as Card } : {}
  const slug = `at-${to}`
  await withSender(from, [to], {}, async sender => {
    await sender.send('hello', { to: slug, ...cards })
    await sender.send(ODD, { to: slug })
    await sender.send(long, { to: slug })
  })
  await withSender(from, [to], { keys: true }, async sender => {
    const { messageIds } = await sender.send(long, { to: slug, compress: true })
    expect(messageIds.length).toBeGreaterThan(2)
  })
  await inbox.reached(before + 4)
  expect(inbox.got.slice(before).map(({ payload, from: author, slug: own }) => [own, author, payload])).toEqual(
    ['hello', ODD, long, long].map(payload => [slug, 'ci', payload]),
  )
  const expected = from === to ? Object.values(cards) : []
  if (from === to || to !== 'bridge') expect(inbox.got[before]?.cards).toMatchObject(expected)
}

describe('sender, platform, router, platform, receiver', () => {
  it.each(PLATFORMS)('on %s alone: text, what it would damage, trains, a card', async platform => {
    await bring(platform, platform, true)
  })

  it.each(PAIRS)('from %s to %s, and a card is left out where it would be refused', async (from, to) => {
    await bring(from, to, true)
  })

  it('lost nothing on the way and repeated nothing', async () => {
    await expect.poll(async () => (await router.status()).spool.messages).toBe(0)
    const { counts } = await router.status()
    expect(counts).toMatchObject({ dead: 0, refused: 0 })
    for (const inbox of inboxes.values()) expect(inbox.got).toHaveLength(PLATFORMS.length * 4)
  })

  it.each([
    ['webex', 'discord'],
    ['webex', 'irc'],
    ['slack', 'irc'],
    ['bridge', 'webex'],
  ] as const)('a frame from %s that %s does not take is refused with a reason, and not tried', async (from, to) => {
    const { dead } = (await router.status()).counts
    const lines = logger.lines.length
    const size = FRAME_LIMITS[from].size - 100
    await withSender(from, [], {}, sender => sender.send('x'.repeat(size), { to: `at-${to}` }))
    await expect.poll(async () => (await router.status()).counts.dead).toBe(dead + 1)
    const warning = logger.lines.slice(lines).find(({ msg }) => msg === 'message could not be delivered')
    expect(warning).toMatchObject({ level: 'warn', fields: { code: 'frame-too-large' } })
    expect(String(warning?.fields['error'])).toContain(`WGROK_VIA=${to}`)
    expect(JSON.stringify(logger.lines)).not.toContain('xxxxx')
  })
})
