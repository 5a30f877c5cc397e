import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InCursor, OutWindow } from '../../src/bridge/resume.js'
import { client, dial, join, type Plain, serve, until } from './support.js'

/** A plain WebSocket that speaks resume by hand. */
async function byHand(url: string, resume: object): Promise<{ adapter: Plain; state: Record<string, unknown> }> {
  const adapter = await dial(`${url}/bridge/v1/agents`)
  adapter.send({ type: 'register', platform: 'agents', resume })
  const reply = await adapter.next()
  return { adapter, state: reply['resume'] as Record<string, unknown> }
}

describe('a peer that declares resume', () => {
  it('gets a stream with a name and numbers, and an exact replay after a drop', async () => {
    const { server, url } = await serve()
    const { adapter: first, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    expect(state).toEqual({ epoch: expect.any(String), seq: 0, ack: 0, resumed: false })
    await server.send('agents', 'one')
    await server.send('agents', 'two')
    expect(await first.next()).toEqual({ type: 'message', content: 'one', id: expect.any(String), seq: 1 })
    const two = await first.next()
    first.socket.terminate()
    await until(() => server.platforms()[0]?.detached === 1)
    await server.send('agents', 'three')

    const { adapter: again, state: resumed } = await byHand(url, {
      epoch: 'my-stream',
      seq: 0,
      peer_epoch: state['epoch'],
      ack: 1,
    })
    expect(resumed).toEqual({ epoch: state['epoch'], seq: 1, ack: 0, resumed: true })
    expect(await again.next()).toEqual(two)
    expect(await again.next()).toMatchObject({ content: 'three', seq: 3 })
    await server.send('agents', 'four')
    expect(await again.next()).toMatchObject({ content: 'four', seq: 4 })
  })

  it('resumes also when nothing had been sent', async () => {
    const { server, url } = await serve()
    const { adapter, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    adapter.socket.terminate()
    await until(() => server.platforms()[0]?.detached === 1)
    await server.send('agents', 'while away')
    const offer = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    const { adapter: again, state: resumed } = await byHand(url, offer)
    expect(resumed).toMatchObject({ resumed: true, seq: 0 })
    expect(await again.next()).toMatchObject({ content: 'while away', seq: 1 })
  })

  it('is told of the gap when the window was exceeded', async () => {
    const { server, url } = await serve({ limits: { window: 3 } })
    const { adapter, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    adapter.socket.terminate()
    await until(() => server.platforms()[0]?.detached === 1)
    for (let n = 1; n <= 5; n += 1) await server.send('agents', String(n))
    const offer = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    const { adapter: again, state: resumed } = await byHand(url, offer)
    expect(resumed).toMatchObject({ resumed: true, seq: 2, gap: { from: 1, to: 2 } })
    expect(await again.next()).toMatchObject({ content: '3', seq: 3 })
  })

  it('is told that the stream is gone when it comes back too late, or with nonsense', async () => {
    const { server, url } = await serve({ limits: { resumeTtl: 20 } })
    const { adapter, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    adapter.socket.terminate()
    await until(() => server.platforms().length === 0)
    const late = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    expect((await byHand(url, late)).state).toMatchObject({ resumed: false, seq: 0 })
    const { state: live } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    const ahead = { epoch: 'my-stream', seq: 0, peer_epoch: live['epoch'], ack: 99 }
    expect((await byHand(url, ahead)).state).toMatchObject({ resumed: false })
    const guess = { epoch: 'my-stream', seq: 0, peer_epoch: 'guessed-epoch', ack: 0 }
    expect((await byHand(url, guess)).state).toMatchObject({ resumed: false })
  })

  it('cannot take over the stream of another platform', async () => {
    const { url } = await serve({ tokens: ['agents:tokA', 'other:tokB'] })
    const { state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    const thief = await dial(`${url}/bridge/v1/other`, { authorization: 'Bearer tokB' })
    const resume = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    thief.send({ type: 'register', platform: 'other', resume })
    expect(await thief.next()).toMatchObject({ resume: { resumed: false } })
  })

  it('replaces its own half-open connection', async () => {
    const { url } = await serve()
    const { adapter, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    const offer = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    expect((await byHand(url, offer)).state).toMatchObject({ resumed: true })
    expect(await adapter.closed).toEqual({ code: 4503, reason: 'connection-lost' })
  })

  it('has each envelope handled once, however often it sends it, and is told how far that got', async () => {
    const { server, url } = await serve()
    const seen: (string | undefined)[] = []
    server.onMessage((message, session) => {
      seen.push(message.content)
      expect(message).not.toHaveProperty('seq')
      expect(session.id).toBe(`id-${message.content}`)
    })
    const { adapter, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    const send = (to: Plain, n: number): void => to.send({ type: 'message', content: String(n), id: `id-${n}`, seq: n })
    send(adapter, 1)
    send(adapter, 2)
    send(adapter, 2)
    expect(await adapter.next()).toEqual({ type: 'event', event: 'ack', ack: 2 })
    adapter.socket.terminate()
    const offer = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    const { adapter: again, state: resumed } = await byHand(url, offer)
    expect(resumed).toMatchObject({ resumed: true, ack: 2 })
    send(again, 1)
    send(again, 2)
    send(again, 3)
    await until(() => seen.length === 3)
    expect(seen).toEqual(['1', '2', '3'])
  })

  it('that says goodbye is forgotten at once', async () => {
    const { server, url } = await serve()
    const { adapter } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    adapter.socket.close(1000)
    await until(() => server.platforms().length === 0)
  })

  it('whose token was taken away is forgotten at once', async () => {
    const { server, url } = await serve()
    const { adapter, state } = await byHand(url, { epoch: 'my-stream', seq: 0 })
    adapter.socket.terminate()
    await until(() => server.platforms()[0]?.detached === 1)
    server.setTokens({ agents: 'new' })
    expect(server.platforms()).toEqual([])
    server.setTokens({ agents: 'tokA' })
    const offer = { epoch: 'my-stream', seq: 0, peer_epoch: state['epoch'], ack: 0 }
    expect((await byHand(url, offer)).state).toMatchObject({ resumed: false })
  })
})

describe('a peer that does not declare resume', () => {
  it('never sees one of its fields, and its own fields of those names pass', async () => {
    const { server, url } = await serve()
    server.onMessage((message, session) => {
      expect(session.id).toBeUndefined()
      return JSON.stringify([message.id, message.seq, message.ack])
    })
    const plain = await join(url)
    const resuming = client(url)
    await resuming.connect()
    await server.send('agents', { content: 'x', session_key: 's' })
    expect(await plain.next()).toEqual({ type: 'message', content: 'x', session_key: 's' })
    plain.send({ type: 'message', id: 7, seq: 'a', ack: null })
    expect(await plain.next()).toEqual({ type: 'reply', content: '[7,"a",null]' })
    plain.send({ type: 'event', event: 'ack', ack: 1 })
    plain.send({ type: 'message' })
    expect(await plain.next()).toEqual({ type: 'reply', content: '[null,null,null]' })
  })
})

describe('our client and our server', () => {
  it('lose and repeat nothing in either direction, however often the connection drops', async () => {
    const { server, url } = await serve()
    const atServer: string[] = []
    const atClient: string[] = []
    const gaps: unknown[] = []
    server.onMessage(async (message, session) => {
      atServer.push(message.content ?? '')
      await session.reply(`re ${message.content}`)
    })
    const adapter = client(url)
      .onReply(reply => void atClient.push(reply.content ?? ''))
      .onGap(gap => void gaps.push(gap))
    await adapter.connect()
    const count = 300
    for (let n = 0; n < count; n += 1) {
      await adapter.sendMessage(String(n))
      if (n % 37 === 36) server.dropConnections()
    }
    await until(() => atClient.length >= count)
    const all = Array.from({ length: count }, (_, n) => String(n))
    expect(atServer).toEqual(all)
    expect(new Set(atClient)).toEqual(new Set(all.map(n => `re ${n}`)))
    expect(atClient).toHaveLength(count)
    expect(gaps).toEqual([])
  })

  it('say so when the server has forgotten the client, and send again what it never acknowledged', async () => {
    const { server, url } = await serve()
    const port = server.address?.port ?? 0
    server.onMessage(() => new Promise(() => {}))
    const gaps: unknown[] = []
    const adapter = client(url).onGap(gap => void gaps.push(gap))
    await adapter.connect()
    await adapter.sendMessage({ content: 'x', id: 'mine' })
    await server.close()
    const ids: (string | undefined)[] = []
    const next = await serve({ port })
    next.server.onMessage((_message, session) => void ids.push(session.id))
    await until(() => ids.length === 1)
    expect(ids).toEqual(['mine'])
    expect(gaps).toEqual([undefined])
  })

  it('tell when a send has been handled, where that is asked for', async () => {
    const { server, url } = await serve()
    let release = (): void => {}
    const adapter = client(url).onMessage(
      () =>
        new Promise<void>(resolve => {
          release = resolve
        }),
    )
    await adapter.connect()
    let settled = false
    const sent = server.send('agents', 'x', { settle: 'acked' }).then(() => {
      settled = true
    })
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(settled).toBe(false)
    release()
    await sent
    const never = server.send('agents', 'y', { settle: 'acked' })
    await adapter.close()
    await expect(never).rejects.toMatchObject({ code: 'connection-lost', retryable: true })
  })

  it('do without when the client does not want it', async () => {
    const { server, url } = await serve()
    const ids: unknown[] = []
    server.onMessage((_message, session) => void ids.push(session.id))
    const adapter = client(url, { resume: false })
    await adapter.connect()
    await adapter.sendMessage({ content: 'x' })
    await until(() => ids.length === 1)
    expect(ids).toEqual([undefined])
    server.dropConnections()
    await until(() => server.platforms().every(({ detached }) => detached === 0))
  })
})

describe('the window', () => {
  it('replays exactly what is missing, or says what is lost', () => {
    const step = fc.oneof(
      fc.constant('add' as const),
      fc.nat(40).map(ack => ({ ack })),
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 60 }),
        fc.nat(50),
        (max, steps, cursor) => {
          const window = new OutWindow(max, 1_000_000)
          let acked = 0
          for (const one of steps) {
            if (one === 'add') window.add('id', Buffer.from('{}'))
            else {
              window.ack(one.ack)
              acked = Math.max(acked, Math.min(one.ack, window.last))
            }
          }
          const replay = window.after(cursor)
          if (cursor > window.last) {
            expect(replay).toBeUndefined()
            return
          }
          const lost = replay?.gap === undefined ? 0 : replay.gap.to - replay.gap.from + 1
          expect(lost + (replay?.envelopes.length ?? 0)).toBe(window.last - cursor)
          expect(window.length).toBeLessThanOrEqual(max)
          if (cursor >= acked && window.last - acked <= max) expect(replay?.gap).toBeUndefined()
        },
      ),
    )
  })

  it('is bounded in bytes too, but always holds the last envelope', () => {
    const window = new OutWindow(100, 10)
    for (let n = 0; n < 5; n += 1) window.add('id', Buffer.alloc(6))
    expect(window.length).toBe(1)
    window.add('id', Buffer.alloc(60))
    expect(window.after(5)).toMatchObject({ envelopes: [{ seq: 6 }] })
    expect(window.close()).toBe(1)
  })
})

describe('the cursor', () => {
  it('acknowledges no further than everything has been handled', () => {
    const cursor = new InCursor('e', 10)
    expect([cursor.accept(11), cursor.accept(12), cursor.accept(12), cursor.accept(15)]).toEqual([
      'next',
      'next',
      'again',
      { gap: { from: 13, to: 14 } },
    ])
    expect(cursor.handled).toBe(10)
    cursor.done(12)
    expect(cursor.handled).toBe(10)
    cursor.done(11)
    expect(cursor.handled).toBe(14)
    cursor.done(15)
    expect([cursor.handled, cursor.busy]).toEqual([15, false])
  })
})
