import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { decode } from '../../src/codec/decode.js'
import { encode } from '../../src/codec/encode.js'
import { readFlags } from '../../src/frame/flags.js'
import { responseFrame } from '../../src/frame/frame.js'
import { silent } from '../../src/log.js'
import { WgrokRouter } from '../../src/router/index.js'
import { FakeTransport } from '../bus/fakes.js'
import { Backend } from './backend.js'

let backend: Backend
let other: Backend
beforeAll(async () => {
  other = await Backend.open()
  backend = await Backend.open(() => other.url)
})
afterAll(() => Promise.all([backend.close(), other.close()]))

const routers: WgrokRouter[] = []
afterEach(async () => {
  backend.calls.length = 0
  await Promise.all(routers.splice(0).map(router => router.close()))
})

async function setUp(paths: Record<string, string> = { jira: '/jira' }, platform: 'webex' | 'irc' = 'webex') {
  const transport = new FakeTransport(platform)
  const apps = Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, backend.url + path]))
  const router = new WgrokRouter({ domains: ['example.com'], apps }, { logger: silent, transports: [transport] })
  routers.push(router)
  await router.start()
  return { router, transport, said: () => expect.poll(() => transport.texts, { timeout: 5_000 }) }
}

describe('an application (mode A)', () => {
  it('gets the payload of a command and answers into the conversation', async () => {
    const { transport, said } = await setUp()
    await transport.hear({ text: './jira:list: open', id: '7' })
    await said().toEqual(['jira:jira:-:got list: open'])
    expect(backend.calls).toMatchObject([
      {
        path: '/jira',
        body: 'list: open',
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'idempotency-key': 'webex:7',
          'wgrok-app': 'jira',
          'wgrok-from': '-',
          'wgrok-sender': 'peer@example.com',
        },
      },
    ])
    expect(transport.sent[0]?.to).toMatchObject({ id: 'room-1' })
  })

  it('answers an echo frame to the slug in from', async () => {
    const { transport, said } = await setUp()
    await transport.hear({ text: './echo:jira:ci~abcd1234:-:{"panel":7}' })
    await said().toEqual(['ci~abcd1234:jira:-:got {"panel":7}'])
    expect(backend.calls[0]?.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'wgrok-from': 'ci~abcd1234',
    })
  })

  it('is called in the order of the calls', async () => {
    const { transport, said } = await setUp()
    for (const n of [1, 2, 3]) await transport.hear({ text: `./jira:${n}` })
    await said().toEqual([1, 2, 3].map(n => `jira:jira:-:got ${n}`))
  })

  it('reads what was compressed, in chunks too, and its answer is compressed', async () => {
    const { transport, said } = await setUp()
    const payload = Array.from({ length: 12_000 }, (_, n) =>
      String.fromCodePoint(0x4e00 + ((n * n * 7919) % 20_000)),
    ).join('')
    const limit = FRAME_LIMITS.webex
    const { frames } = await encode(payload, { to: 'jira', from: 'ci', limit, compress: 'always' })
    expect(frames.length).toBeGreaterThan(1)
    for (const text of frames) await transport.hear({ text })
    await said().toHaveLength(frames.length)
    expect(backend.calls[0]?.body).toBe(payload)
    const parts = transport.texts.map(responseFrame)
    expect(parts[0]).toMatchObject({ to: 'ci', from: 'jira' })
    const { chunk: _, ...flags } = readFlags(parts[0]?.flags ?? '')
    expect(await decode(parts.map(part => part.payload).join(''), flags)).toBe(`got ${payload}`)
  })

  it('gets what was encrypted as it is, and answers with the same flags', async () => {
    const { transport, said } = await setUp()
    await transport.hear({ text: './echo:jira:ci:ze:AAAA' })
    await said().toEqual(['ci:jira:ze:got AAAA'])
    expect(backend.calls[0]).toMatchObject({ body: 'AAAA', headers: { 'wgrok-flags': 'ze' } })
  })

  it('answers at length in chunks', async () => {
    const { transport, said } = await setUp({ jira: '/long/5000' })
    await transport.hear({ text: './echo:jira:ci:-:x' })
    await said().toHaveLength(5)
    expect(transport.texts.map(text => responseFrame(text).flags)).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5'])
    expect(transport.texts.map(text => responseFrame(text).payload).join('')).toBe('é😀'.repeat(5_000))
  })

  it('follows redirects on its own host', async () => {
    const { transport, said } = await setUp({ jira: '/redirect/301' })
    await transport.hear({ text: './jira:x' })
    await said().toEqual(['jira:jira:-:got x'])
  })

  it.each([
    ['/status/500', /^error: app-failed: jira answered 500$/],
    ['/status/404', /^error: app-failed: jira answered 404$/],
    ['/reset', /^error: app-failed: jira cannot be reached$/],
    ['/flood', /^error: app-failed: jira answered with more than 1048576 bytes$/],
    ['/binary', /^error: app-failed: .*no UTF-8/],
    ['/loop', /^error: app-failed: jira redirects too often$/],
    ['/away', /^error: app-failed: jira redirects to another host$/],
    ['/nowhere', /^error: app-failed: jira redirects to nowhere$/],
    ['/long/150000', /^error: too-many-chunks: /],
  ])('that misbehaves (%s) is answered for, without its words', async (path, error) => {
    const { transport, said } = await setUp({ jira: path })
    await transport.hear({ text: './jira:x' })
    await said().toHaveLength(1)
    const frame = responseFrame(transport.texts[0] ?? '')
    expect(frame).toMatchObject({ to: 'jira', from: 'jira', flags: '-' })
    expect(frame.payload).toMatch(error)
    expect(other.calls).toEqual([])
  })

  it('that cannot be reached is answered for', async () => {
    const transport = new FakeTransport()
    const apps = { jira: 'http://127.0.0.1:1/' }
    const router = new WgrokRouter({ domains: ['example.com'], apps }, { logger: silent, transports: [transport] })
    routers.push(router)
    await router.start()
    await transport.hear({ text: './jira:x' })
    await expect.poll(() => transport.texts).toEqual(['jira:jira:-:error: app-failed: jira cannot be reached'])
  })

  it('that stalls holds up nobody else', async () => {
    const { transport, said } = await setUp({ jira: '/stall', ci: '/ci' })
    await transport.hear({ text: './jira:x' })
    await transport.hear({ text: './ci:y' })
    await transport.hear({ text: './echo:deploy:ci:-:z' })
    await said().toEqual(['deploy:ci:-:z', 'ci:ci:-:got y'])
    void routers[0]?.close()
  })

  it.each(['./echo:jira:ci:q:x', './echo:jira:ci:2/1:x'])('refuses flags that are none: %j', async text => {
    const { router, transport } = await setUp()
    await transport.hear({ text })
    expect((await router.status()).counts.refused).toBe(1)
    expect(backend.calls).toEqual([])
  })

  it('is not called by a stranger', async () => {
    const { transport } = await setUp()
    await transport.hear({ text: './jira:x', sender: { principals: ['x@evil.example'] } })
    await transport.hear({ text: './other:x' })
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(backend.calls).toEqual([])
  })

  it('may come and go while the router runs', async () => {
    const { router, transport, said } = await setUp({})
    await transport.hear({ text: './jira:1' })
    router.reload({ domains: ['example.com'], apps: { jira: `${backend.url}/jira` } })
    await transport.hear({ text: './jira:2' })
    await said().toEqual(['jira:jira:-:got 2'])
    expect(() => router.reload({ domains: ['example.com'], apps: { echo: backend.url } })).toThrow(/WGROK_APPS/)
    await transport.hear({ text: './jira:3' })
    await said().toHaveLength(2)
  })
})
