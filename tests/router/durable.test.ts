import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { silent } from '../../src/log.js'
import type { BotConfig } from '../../src/protocol.js'
import { WgrokRouter } from '../../src/router/index.js'
import { FakeTransport } from '../bus/fakes.js'
import { fakeClock } from '../support/fake-clock.js'

let stateDir: string
const routers: WgrokRouter[] = []
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'wgrok-durable-'))
})
afterEach(async () => {
  for (const router of routers.splice(0)) await router.close()
  rmSync(stateDir, { recursive: true, force: true })
})

async function start(
  transports: readonly FakeTransport[],
  config: Partial<BotConfig> = {},
  options = {},
): Promise<WgrokRouter> {
  const router = new WgrokRouter(
    { domains: ['example.com'], stateDir, ...config },
    { logger: silent, transports, ...options },
  )
  routers.push(router)
  await router.start()
  return router
}

describe('a router with a state directory', () => {
  it('keeps 5,000 messages for a paused destination over a restart, in order', async () => {
    const first = new FakeTransport()
    const router = await start([first])
    await first.hear({ text: './pause' })
    const texts = Array.from({ length: 5_000 }, (_, n) => `deploy:ci:-:${n}`)
    await Promise.all(texts.map(text => first.hear({ text: `./echo:${text}` })))
    expect(first.texts).toEqual([])
    await router.close()
    const second = new FakeTransport()
    const again = await start([second])
    expect((await again.status()).lanes).toEqual([{ lane: 'webex:room:room-1', messages: 5_000, held: true }])
    expect(second.texts).toEqual([])
    await second.hear({ text: './resume' })
    await expect.poll(() => second.texts.length, { timeout: 50_000 }).toBe(5_000)
    expect(second.texts).toEqual(texts)
  }, 60_000)

  it('relays nothing twice that a platform repeats after a restart', async () => {
    const first = new FakeTransport()
    const router = await start([first])
    await first.hear({ text: './echo:deploy:ci:-:x', id: '1' })
    await router.close()
    const second = new FakeTransport()
    const again = await start([second])
    await second.hear({ text: './echo:deploy:ci:-:x', id: '1' })
    await second.hear({ text: './echo:deploy:ci:-:y', id: '2' })
    await expect.poll(() => second.texts).toEqual(['deploy:ci:-:y'])
    expect((await again.status()).counts).toMatchObject({ accepted: 1, duplicate: 1 })
  })

  it('tells the platform of the one message per destination that may have arrived before a restart', async () => {
    const clock = fakeClock()
    const first = new FakeTransport()
    const router = await start([first], {}, { clock })
    first.onSend = () => new Promise(() => {})
    for (const id of ['1', '2', '3']) await first.hear({ text: `./echo:deploy:ci:-:${id}`, id })
    const acceptedAt = clock.now()
    const closing = router.close()
    await clock.advance(60_000)
    await closing
    const told: unknown[] = []
    const second = new FakeTransport()
    second.onSend = ({ message }, { maybeSentSince }) => void told.push([message.text, maybeSentSince])
    await start([second], {}, { clock })
    await expect.poll(() => told.length).toBe(3)
    expect(told).toEqual([
      ['deploy:ci:-:1', acceptedAt],
      ['deploy:ci:-:2', undefined],
      ['deploy:ci:-:3', undefined],
    ])
  })

  it('acknowledges only what is on disk, and takes refused messages again later', async () => {
    const transport = new FakeTransport()
    await start([transport], { spoolBytes: 1_048_576 })
    transport.onSend = () => new Promise(() => {})
    const big = 'x'.repeat(200_000)
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => transport.hear({ text: `./echo:deploy:ci:-:${n}${big}`, id: String(n) })),
    )
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]).toMatchObject({ reason: { code: 'spool-full' } })
    const router = routers[0]
    const closing = router?.close()
    await router?.close()
    await closing
    const second = new FakeTransport()
    await start([second], { spoolBytes: 1_048_576 })
    await expect.poll(() => second.texts.length).toBe(8 - refused.length)
    await second.hear({ text: `./echo:deploy:ci:-:7${big}`, id: '7' })
    await expect.poll(() => second.texts.length).toBe(9 - refused.length)
  })

  it('finishes an application call that a restart interrupted', async () => {
    const { Backend } = await import('./backend.js')
    const backend = await Backend.open()
    const transport = new FakeTransport()
    const router = await start([transport], { apps: { jira: `${backend.url}/stall` } })
    await transport.hear({ text: './jira:x', id: '7' })
    await expect.poll(() => backend.calls.length).toBe(1)
    const closing = router.close()
    await router.close()
    await closing
    const second = new FakeTransport()
    await start([second], { apps: { jira: `${backend.url}/jira` } })
    await expect.poll(() => second.texts).toEqual(['jira:jira:-:got x'])
    expect(backend.calls.map(({ headers }) => headers['idempotency-key'])).toEqual(['webex:7', 'webex:7'])
    await backend.close()
  })
})

describe('a destination that is out of order for a minute', () => {
  it.each([
    ['429', () => new WgrokError('rate-limited', '429', { retryAfterMs: 7_000 })],
    ['5xx', () => new WgrokError('platform-unavailable', '503')],
  ])('(%s) delays its own lane and no other, and loses nothing', async (_what, error) => {
    const clock = fakeClock()
    const transport = new FakeTransport('slack')
    const begun = clock.now()
    const sentAt = new Map<string, number>()
    transport.onSend = ({ message, to }) => {
      if (to.id === 'C0BAD' && clock.now() - begun < 60_000) throw error()
      sentAt.set(message.text, clock.now() - begun)
    }
    const routes = { bad: 'slack:C0BAD', good: 'slack:C0GOOD' }
    const router = new WgrokRouter(
      { domains: ['example.com'], routes },
      { logger: silent, transports: [transport], clock },
    )
    routers.push(router)
    await router.start()
    for (let second = 0; second < 60; second++) {
      await transport.hear({ text: `./echo:bad:ci:-:${second}` })
      await transport.hear({ text: `./echo:good:ci:-:${second}` })
      await clock.advance(1_000)
    }
    const of = (slug: string) => transport.texts.filter(text => text.startsWith(`${slug}:`))
    expect(of('good')).toEqual(Array.from({ length: 60 }, (_, n) => `good:ci:-:${n}`))
    for (let n = 0; n < 60; n++) expect(sentAt.get(`good:ci:-:${n}`)).toBeLessThanOrEqual(n * 1_000 + 100)
    expect(of('bad')).toEqual([])
    await clock.advance(30_000)
    expect(of('bad')).toEqual(Array.from({ length: 60 }, (_, n) => `bad:ci:-:${n}`))
    expect((await router.status()).counts.dead).toBe(0)
  })
})

describe('after close', () => {
  it('no timer and no handle is left', async () => {
    const before = process
      .getActiveResourcesInfo()
      .filter(name => /Timeout|TCP|Server|Pipe/.test(name))
      .sort()
    const transport = new FakeTransport()
    const router = await start([transport], {
      webhookPort: 0,
      webhookSecret: 's',
      bridgeTokens: ['agents:tok'],
      apps: {},
    })
    await transport.hear({ text: './echo:deploy:ci:-:x' })
    await (await fetch(`${router.httpUrl}/metrics`)).text()
    await router.close()
    await new Promise(resolve => setTimeout(resolve, 50))
    const left = process
      .getActiveResourcesInfo()
      .filter(name => /Timeout|TCP|Server|Pipe/.test(name))
      .sort()
    // The pool of fetch itself may keep a socket for a moment.
    expect(left.filter(name => !/TCPSocketWrap|Timeout/.test(name))).toEqual(
      before.filter(name => !/TCPSocketWrap|Timeout/.test(name)),
    )
    expect(left.length).toBeLessThanOrEqual(before.length + 2)
  })
})
