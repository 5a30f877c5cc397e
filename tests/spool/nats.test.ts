import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LmdbSpool } from '../../src/spool/lmdb.js'
import { MemorySpool } from '../../src/spool/memory.js'
import { NatsSpool, type NatsSpoolOptions } from '../../src/spool/nats.js'
import { NatsServer, natsBinary } from './nats-server.js'
import { describeSpool, drain, entry } from './suite.js'

const binary = natsBinary()
const server = new NatsServer(binary ?? '')
let names = 0

describe.skipIf(binary === undefined)('with a real NATS server', () => {
  beforeAll(() => server.start(), 180_000)
  afterAll(() => server.close())

  const spools: NatsSpool[] = []
  afterEach(async () => {
    for (const spool of spools.splice(0)) await spool.close()
  })

  async function open(name: string, options: Partial<NatsSpoolOptions> = {}): Promise<NatsSpool> {
    const front = new MemorySpool({ laneMax: Number.POSITIVE_INFINITY })
    const spool = await NatsSpool.open({ url: server.url, front, name, ...options })
    spools.push(spool)
    return spool
  }

  /** Does what an operator can do. */
  async function manage(act: (manager: JetStreamManager) => Promise<unknown>): Promise<void> {
    const connection = await connect({ servers: server.url })
    await act(await jetstreamManager(connection))
    await connection.close()
  }

  async function deleteConsumers(manager: JetStreamManager, stream: string): Promise<void> {
    for await (const { name } of manager.consumers.list(stream)) await manager.consumers.delete(stream, name)
  }

  describeSpool('nats', () => open(`t${++names}`), 100)

  describe('several routers', () => {
    it('share lanes: each message once, in order, whoever takes it', async () => {
      const name = `t${++names}`
      const [one, two] = [await open(name), await open(name)]
      await Promise.all([one.start(() => {}), two.start(() => {})])
      const texts = Array.from({ length: 100 }, (_, n) => String(n))
      for (const text of texts) await one.append(entry('a', text))
      const got: string[] = []
      const take = async (spool: NatsSpool): Promise<void> => {
        for (let delivery = await spool.take('a'); delivery !== undefined; delivery = await spool.take('a')) {
          got.push(delivery.entry.text)
          await delivery.ack()
        }
      }
      await Promise.all([take(one), take(two)])
      expect(got).toEqual(texts)
    })

    it('accept the same message once between them', async () => {
      const name = `t${++names}`
      const [one, two] = [await open(name), await open(name)]
      await Promise.all([one.start(() => {}), two.start(() => {})])
      const same = entry('a')
      expect((await Promise.all([one.append(same), two.append(same)])).sort()).toEqual(['accepted', 'duplicate'])
      expect(await drain(one, 'a')).toEqual(['x'])
    })

    it('know what one of them holds', async () => {
      const name = `t${++names}`
      const [one, two] = [await open(name), await open(name)]
      await one.hold('lane with spaces.and.dots', true)
      await expect.poll(() => two.held()).toEqual(['lane with spaces.and.dots'])
      const three = await open(name)
      expect(three.held()).toEqual(['lane with spaces.and.dots'])
      await two.hold('lane with spaces.and.dots', false)
      await expect.poll(() => one.held()).toEqual([])
    })

    it('find what another one left', async () => {
      const name = `t${++names}`
      const one = await open(name)
      await one.start(() => {})
      await one.append(entry('a', 'left'))
      await one.close()
      const two = await open(name)
      const ready: string[] = []
      await two.start(lane => ready.push(lane))
      expect(ready).toEqual(['a'])
      expect(await drain(two, 'a', 1)).toEqual(['left'])
    })
  })

  it('gets rid of what was sent although its consumer was deleted', async () => {
    const name = `t${++names}`
    const spool = await open(name)
    await spool.start(() => {})
    await spool.append(entry('a'))
    const delivery = await spool.take('a')
    await manage(manager => deleteConsumers(manager, `${name}-out`))
    await delivery?.ack()
    await expect.poll(() => spool.lanes(), { timeout: 10_000 }).toEqual([])
    await spool.append(entry('a', 'next'))
    expect(await drain(spool, 'a', 1)).toEqual(['next'])
  })

  it('does not take a refusal to delete a message for its absence', async () => {
    const name = `t${++names}`
    const subjects = [`${name}.out.*`]
    const settings = { name: `${name}-out`, subjects, retention: 'workqueue', deny_delete: true } as const
    await manage(manager => manager.streams.add(settings))
    const [one, two] = [await open(name), await open(name)]
    await one.start(() => {})
    await one.append(entry('a', 'dead'))
    const delivery = await one.take('a')
    await manage(manager => deleteConsumers(manager, `${name}-out`))
    const connection = await connect({ servers: server.url })
    const deletes = connection.subscribe(`$JS.API.STREAM.MSG.DELETE.${name}-out`, { max: 1 })
    await connection.flush()
    const burying = delivery?.bury({ code: 'platform-rejected', detail: 'no' })
    for await (const _ of deletes) break
    await connection.close()
    // Makes the consumer again.
    await two.take('a')
    await burying
    await expect.poll(() => two.lanes()).toEqual([])
  })

  describe('a message larger than the server takes', () => {
    /** The server takes 1 MiB. */
    const large = 'x'.repeat(1024 ** 2)
    const dirs: string[] = []
    afterEach(() => {
      for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
    })

    async function durable(): Promise<LmdbSpool> {
      const dir = mkdtempSync(join(tmpdir(), 'wgrok-front-'))
      dirs.push(dir)
      return LmdbSpool.open({ dir })
    }

    it.each(['memory', 'lmdb'])('is refused at once, and nothing else with it (%s)', async kind => {
      const spool = await open(`t${++names}`, kind === 'lmdb' ? { front: await durable() } : {})
      await spool.start(() => {})
      const [before, refused, after] = await Promise.allSettled([
        spool.append(entry('a', 'before')),
        spool.append(entry('a', large)),
        spool.append(entry('a', 'after')),
      ])
      expect([before, after]).toMatchObject([{ value: 'accepted' }, { value: 'accepted' }])
      expect(refused).toMatchObject({ reason: { code: 'body-too-large', status: 413, retryable: false } })
      expect(await drain(spool, 'a', 2)).toEqual(['before', 'after'])
      expect(spool.stats().dead).toBe(0)
    })

    it('can be a dead letter when it is just small enough', async () => {
      const spool = await open(`t${++names}`)
      await spool.start(() => {})
      const text = large.slice(4096 + JSON.stringify(entry('a', '')).length + 10)
      const dead = entry('a', text)
      expect(await spool.append(dead)).toBe('accepted')
      const delivery = await spool.take('a')
      await delivery?.bury({ code: 'platform-rejected', detail: '\u0000'.repeat(500) })
      expect(await spool.dead()).toMatchObject([{ entry: dead }])
    })

    it('becomes a dead letter when it waits in front already, and its lane goes on', async () => {
      const front = await durable()
      const dead = entry('a', large)
      for (const waiting of [entry('a', '1'), dead, entry('a', '2')]) await front.append(waiting)
      const spool = await open(`t${++names}`, { front })
      await spool.start(() => {})
      await expect.poll(() => spool.stats().dead).toBe(1)
      expect(await drain(spool, 'a', 2)).toEqual(['1', '2'])
      expect(await spool.dead()).toMatchObject([{ entry: dead, code: 'body-too-large' }])
      expect(await spool.replay(dead.id)).toBe(true)
      await expect.poll(() => spool.dead()).toMatchObject([{ entry: { id: dead.id } }])
      expect(await spool.discard(dead.id)).toBe(true)
      expect(await spool.dead()).toEqual([])
    })

    it('is refused where the operator allows less in the stream', async () => {
      const name = `t${++names}`
      const subjects = [`${name}.out.*`]
      const settings = { name: `${name}-out`, subjects, retention: 'workqueue', max_msg_size: 2_000 } as const
      await manage(manager => manager.streams.add(settings))
      const spool = await open(name)
      await spool.start(() => {})
      await expect(spool.append(entry('a', large.slice(0, 3_000)))).rejects.toMatchObject({ code: 'body-too-large' })
      expect(await spool.append(entry('a', 'next'))).toBe('accepted')
    })
  })

  it('counts what the server refuses as waiting, and hands it over when there is room', async () => {
    const name = `t${++names}`
    const spool = await open(name, { maxBytes: 20_000 })
    await spool.start(() => {})
    const appends = Array.from({ length: 40 }, (_, n) =>
      spool.append(entry('a', String(n).padEnd(600))).catch(error => error),
    )
    await expect.poll(() => spool.stats().messages).toBeGreaterThan(10)
    const texts = await drain(spool, 'a', 20)
    expect(texts.map(Number)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    await drain(spool, 'a')
    const results = await Promise.all(appends)
    const accepted = results.filter(result => result === 'accepted').length
    expect(results.slice(accepted)).toEqual(Array(40 - accepted).fill(expect.objectContaining({ code: 'spool-full' })))
  }, 60_000)
})

describe('without a server', () => {
  it('says so', async () => {
    const front = new MemorySpool()
    await expect(NatsSpool.open({ url: 'nats://127.0.0.1:1', front })).rejects.toMatchObject({
      code: 'platform-unavailable',
    })
    await expect(NatsSpool.open({ url: 'http://127.0.0.1:1', front })).rejects.toMatchObject({ code: 'config-invalid' })
  })
})
