import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Logger, silent } from '../../src/log.js'
import { MemorySpool } from '../../src/spool/memory.js'
import { NatsSpool } from '../../src/spool/nats.js'
import type { Delivery } from '../../src/spool/spool.js'
import { NatsServer, natsBinary } from './nats-server.js'
import { drain, entry } from './suite.js'

const binary = natsBinary()

/** Says what is done to it, in order. */
class WatchedFront extends MemorySpool {
  readonly #events: string[]

  constructor(events: string[]) {
    super({ laneMax: Number.POSITIVE_INFINITY })
    this.#events = events
  }

  override take(lane: string): Delivery | undefined {
    const delivery = super.take(lane)
    if (delivery === undefined) return undefined
    this.#events.push('take')
    const release = (): void | Promise<void> => {
      this.#events.push('release')
      return delivery.release()
    }
    return {
      entry: delivery.entry,
      redelivered: 0,
      ack: () => delivery.ack(),
      bury: why => delivery.bury(why),
      release,
    }
  }

  override close(): void {
    this.#events.push('close')
    super.close()
  }
}

describe.skipIf(binary === undefined)('a NATS server that goes away', () => {
  let server: NatsServer
  const spools: NatsSpool[] = []

  beforeEach(async () => {
    server = new NatsServer(binary ?? '')
    await server.start()
  }, 180_000)
  afterEach(async () => {
    for (const spool of spools.splice(0)) await spool.close()
    await server.close()
  })

  async function open(): Promise<NatsSpool> {
    const front = new MemorySpool({ laneMax: Number.POSITIVE_INFINITY })
    const spool = await NatsSpool.open({ url: server.url, front })
    spools.push(spool)
    await spool.start(() => {})
    return spool
  }

  async function restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await server.stop(signal)
    await server.start()
  }

  /** Takes from a lane until so many have come: for a while after a restart there is nothing. */
  async function take(spool: NatsSpool, count: number): Promise<string[]> {
    const texts: string[] = []
    while (texts.length < count) texts.push(...(await drain(spool, 'a', count - texts.length)))
    return texts
  }

  it('gives out again what was done when it is killed, and nobody relays that twice', async () => {
    const [one, two] = [await open(), await open()]
    const texts = Array.from({ length: 30 }, (_, n) => String(n))
    for (const text of texts) await one.append(entry('a', text))
    const before = await drain(one, 'a', 20)
    await restart('SIGKILL')
    const after = await take(two, 10)
    expect([...before, ...after]).toEqual(texts)
    expect(await drain(one, 'a')).toEqual([])
  })

  it('forgets the ids of what has left it, and nobody relays the same message again', async () => {
    const [one, two] = [await open(), await open()]
    const same = entry('a', 'same')
    expect(await one.append(same)).toBe('accepted')
    expect(await drain(one, 'a')).toEqual(['same'])
    await restart('SIGTERM')
    const three = await open()
    expect(await two.append(same)).toBe('accepted')
    expect(await three.append(entry('a', 'other'))).toBe('accepted')
    expect(await take(three, 1)).toEqual(['other'])
  })

  it('hears of what was sent while it was away before anybody sends it again', async () => {
    const [one, two] = [await open(), await open()]
    await one.append(entry('a', 'first'))
    await one.append(entry('a', 'second'))
    const delivery = await one.take('a')
    await server.stop()
    await delivery?.ack()
    await server.start()
    expect(await take(two, 1)).toEqual(['second'])
    expect(await drain(one, 'a')).toEqual([])
  })

  it('leaves what was known last to those who ask while it is away', async () => {
    const spool = await open()
    for (const text of ['1', '2']) await spool.append(entry('a', text))
    const delivery = await spool.take('a')
    const known = await spool.lanes()
    await server.stop('SIGKILL')
    await delivery?.ack()
    const begun = Date.now()
    expect([await spool.lanes(), await spool.lanes()]).toEqual([known, known])
    expect(Date.now() - begun).toBeLessThan(4_000)
  })

  it('keeps nobody from closing: what waits for it ends, and the message stays', { timeout: 30_000 }, async () => {
    const spool = await open()
    await spool.append(entry('a'))
    const delivery = await spool.take('a')
    await server.stop('SIGKILL')
    const [append, bury] = [spool.append(entry('b')), delivery?.bury({ code: 'platform-rejected', detail: 'no' })]
    const ended = Promise.allSettled([append, bury])
    await spool.close()
    const closed = { status: 'rejected', reason: { code: 'closed' } }
    expect(await ended).toMatchObject([closed, closed])
    await server.start()
    const other = await open()
    expect(await other.lanes()).toMatchObject([{ lane: 'a', messages: 1 }])
    expect(await other.dead()).toEqual([])
  })

  it('is awaited by many lanes without a warning', { timeout: 30_000 }, async () => {
    const waits: string[] = []
    const logger: Logger = { ...silent, warn: text => void waits.push(text) }
    const front = new MemorySpool({ laneMax: Number.POSITIVE_INFINITY })
    const spool = await NatsSpool.open({ url: server.url, front, logger })
    spools.push(spool)
    await spool.start(() => {})
    const warnings: string[] = []
    const warned = (warning: Error): void => void warnings.push(warning.name)
    process.on('warning', warned)
    await server.stop('SIGKILL')
    const appends = Array.from({ length: 12 }, (_, n) => spool.append(entry(`lane-${n}`)))
    await expect.poll(() => waits.length, { timeout: 10_000 }).toBe(12)
    await server.start()
    await Promise.all(appends)
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  it('is not awaited by a front that has been closed', { timeout: 30_000 }, async () => {
    const events: string[] = []
    const front = new WatchedFront(events)
    const spool = await NatsSpool.open({ url: server.url, front })
    await spool.start(() => {})
    await server.stop('SIGKILL')
    const append = spool.append(entry('a')).catch(error => error.code)
    await expect.poll(() => events).toEqual(['take'])
    await spool.close()
    expect(await append).toBe('closed')
    expect(events).toEqual(['take', 'release', 'close'])
    await expect(spool.append(entry('a'))).rejects.toMatchObject({ code: 'closed' })
  })

  it('leaves a lane to a router that is slow but not silent', { timeout: 90_000 }, async () => {
    const [slow, other] = [await open(), await open()]
    await slow.append(entry('a', 'slow'))
    const delivery = await slow.take('a')
    const begun = Date.now()
    // Longer than a silent router keeps a message.
    while (Date.now() - begun < 13_000) expect(await other.take('a')).toBeUndefined()
    await delivery?.ack()
    expect(await drain(other, 'a')).toEqual([])
  })
})
