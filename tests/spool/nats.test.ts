import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
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
    const connection = await connect({ servers: server.url })
    const manager = await jetstreamManager(connection)
    for await (const { name: consumer } of manager.consumers.list(`${name}-out`)) {
      await manager.consumers.delete(`${name}-out`, consumer)
    }
    await connection.close()
    await delivery?.ack()
    expect(await spool.lanes()).toEqual([])
    await spool.append(entry('a', 'next'))
    expect(await drain(spool, 'a', 1)).toEqual(['next'])
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
