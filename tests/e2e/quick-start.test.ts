import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { WgrokError } from '../../src/errors.js'
import { Bus, Inbox } from './bus.js'

const KEY = randomBytes(32).toString('base64')

describe('the bus over a real router and bridge', () => {
  let bus: Bus
  const open = async (...args: ConstructorParameters<typeof Bus>): Promise<Bus> => {
    bus = new Bus(...args)
    await bus.router.start()
    return bus
  }
  afterEach(() => bus.close())

  it('carries a short text', async () => {
    const inbox = new Inbox()
    await open()
    await bus.receiver('deploy', inbox.handler)
    const result = await bus.sender('deploy', { from: 'ci' }).send('hello world')
    await inbox.reached(1)
    expect(inbox.got).toEqual([{ slug: 'deploy', payload: 'hello world', cards: [], from: 'ci' }])
    expect(result.buffered).toBe(false)
    expect(result.messageIds).toHaveLength(1)
  })

  it('carries 64 KiB of JSON, compressed and encrypted', async () => {
    await open()
    const inbox = new Inbox()
    const payload = JSON.stringify({ rows: Array.from({ length: 1_500 }, (_, id) => ({ id, name: `row ${id} é😀` })) })
    await bus.receiver('data', inbox.handler, { encryptKeys: [KEY] })
    await bus.sender('data', { encryptKeys: [KEY] }).send(payload, { compress: true })
    await inbox.reached(1)
    expect(inbox.payloads[0]).toBe(payload)
  })

  it('carries several chunks of 4-byte characters', async () => {
    await open()
    const inbox = new Inbox()
    const payload = '😀𝄞🜚'.repeat(30_000)
    await bus.receiver('data', inbox.handler)
    const result = await bus.sender('data').send(payload)
    expect(result.messageIds.length).toBeGreaterThan(5)
    await inbox.reached(1)
    expect(inbox.payloads[0]).toBe(payload)
  })

  it('answers a request, also while others ask', async () => {
    await open()
    await bus.receiver('upper', async (_slug, payload, _cards, _from, context) => {
      await context.reply(payload.toUpperCase())
    })
    const sender = bus.sender('upper', { from: 'ci' })
    const replies = await Promise.all(['a', 'b', 'c'].map(text => sender.request(text, { timeoutMs: 5_000 })))
    expect(replies.map(({ payload, from }) => [payload, from])).toEqual([
      ['A', 'upper'],
      ['B', 'upper'],
      ['C', 'upper'],
    ])
  })

  it('tells every receiver of a platform, and each takes its own slug (mode B)', async () => {
    await open()
    const [one, two, other] = [new Inbox(), new Inbox(), new Inbox()]
    await bus.receiver('build', one.handler)
    await bus.receiver('build', two.handler)
    await bus.receiver('deploy', other.handler)
    const sender = bus.sender('build')
    await sender.send('all')
    await sender.send('one', { to: 'deploy' })
    await Promise.all([one.reached(1), two.reached(1), other.reached(1)])
    expect([one.payloads, two.payloads, other.payloads]).toEqual([['all'], ['all'], ['one']])
  })

  it('routes a registered slug to its own platform (mode C), and the answer to a request back', async () => {
    await open({ routes: { deploy: 'bridge:ops' } })
    const inbox = new Inbox()
    const wrong = new Inbox()
    await bus.receiver('deploy', wrong.handler, {}, 'agents')
    await bus.receiver(
      'deploy',
      async (...args) => {
        await inbox.handler(...args)
        await args[4].reply('done')
      },
      {},
      'ops',
    )
    const reply = await bus.sender('deploy', { from: 'ci' }).request('start', { timeoutMs: 5_000 })
    expect(inbox.payloads).toEqual(['start'])
    expect(reply.payload).toBe('done')
    expect(wrong.got).toEqual([])
  })

  it('holds messages while the sender is paused and sends them in order on resume', async () => {
    await open()
    const inbox = new Inbox()
    await bus.receiver('data', inbox.handler)
    const sender = bus.sender('data')
    sender.pause()
    const held = await Promise.all(['1', '2', '3'].map(text => sender.send(text)))
    expect(held.every(({ buffered, messageId }) => buffered && messageId === '')).toBe(true)
    const results = await sender.resume()
    expect(results.map(({ buffered }) => buffered)).toEqual([false, false, false])
    await sender.send('4')
    await inbox.reached(4)
    expect(inbox.payloads).toEqual(['1', '2', '3', '4'])
  })

  it('holds a lane while the router is asked to', async () => {
    await open()
    const inbox = new Inbox()
    await bus.receiver('data', inbox.handler)
    await bus.router.pause('bridge:agents')
    const sender = bus.sender('data')
    for (const text of ['1', '2', '3']) await sender.send(text)
    await expect.poll(async () => (await bus.router.status()).lanes[0]?.messages).toBe(3)
    expect(inbox.got).toEqual([])
    await bus.router.resume('bridge:agents')
    await inbox.reached(3)
    expect(inbox.payloads).toEqual(['1', '2', '3'])
  })

  it('rejects a payload that another key sealed, and goes on', async () => {
    await open()
    const inbox = new Inbox()
    const errors: WgrokError[] = []
    await bus.receiver('data', inbox.handler, { encryptKeys: [KEY] }, 'agents', {
      onError: error => errors.push(error),
    })
    await bus.sender('data', { encryptKeys: [randomBytes(32).toString('base64')] }).send('secret')
    await bus.sender('data', { encryptKeys: [KEY] }).send('good')
    await inbox.reached(1)
    expect(inbox.payloads).toEqual(['good'])
    expect(errors.map(({ code }) => code)).toEqual(['decrypt-failed'])
  })

  it('keeps the chunks of two senders of one slug apart', async () => {
    await open()
    const inbox = new Inbox()
    const payloads = ['a', 'b', 'c', 'd'].map(letter => letter.repeat(200_000))
    await bus.receiver('data', inbox.handler)
    const [one, two] = [bus.sender('data', { from: 'ci' }), bus.sender('data', { from: 'ci' })]
    await Promise.all(payloads.map((payload, index) => (index % 2 === 0 ? one : two).send(payload)))
    await inbox.reached(4)
    expect([...inbox.payloads].sort()).toEqual(payloads)
  })

  it('passes cards on', async () => {
    await open()
    const inbox = new Inbox()
    await bus.receiver('data', inbox.handler)
    const card = { type: 'AdaptiveCard', version: '1.3', body: [] }
    await bus.sender('data').send('look', { card })
    await inbox.reached(1)
    expect(inbox.got[0]?.cards).toEqual([card])
  })
})
