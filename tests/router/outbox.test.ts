import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../../src/errors.js'
import { type Dispatch, Outbox, type OutboxOptions } from '../../src/router/outbox.js'
import { MemorySpool } from '../../src/spool/memory.js'
import { failing, memoryLogger, turn, unavailable } from '../bus/fakes.js'
import { entry } from '../spool/suite.js'
import { fakeClock } from '../support/fake-clock.js'

async function setUp(before: (...args: Parameters<Dispatch>) => unknown = () => {}, more: Partial<OutboxOptions> = {}) {
  const clock = fakeClock()
  const logger = memoryLogger()
  const spool = new MemorySpool({ clock })
  const sent: string[] = []
  const dispatch: Dispatch = async (item, signal, maybeSent) => {
    await before(item, signal, maybeSent)
    sent.push(`${item.lane}${item.text}`)
  }
  const outbox = new Outbox({ spool, dispatch, clock, random: () => 0.999, logger, ...more })
  await outbox.start()
  return { clock, logger, spool, sent, outbox }
}

describe('a lane', () => {
  it('is emptied in order, one send at a time', async () => {
    let busy = 0
    const { outbox, sent } = await setUp(async () => {
      expect(++busy).toBe(1)
      await turn()
      busy--
    })
    for (const text of ['1', '2', '3']) outbox.accept(entry('a', text))
    await outbox.close()
    expect(sent).toEqual(['a1', 'a2', 'a3'])
  })

  it('does not wait for another lane', async () => {
    const { outbox, sent } = await setUp(({ lane }) => (lane === 'a' ? new Promise(() => {}) : undefined))
    for (const lane of ['a', 'b', 'a', 'b']) outbox.accept(entry(lane))
    await turn()
    expect(sent).toEqual(['bx', 'bx'])
    outbox.stop()
  })

  it('tries again after a temporary failure, in its order', async () => {
    const { outbox, sent, clock } = await setUp(failing(2, unavailable()))
    outbox.accept(entry('a', '1'))
    outbox.accept(entry('a', '2'))
    await clock.advance(LIMITS.backoffBase * 4)
    expect(sent).toEqual(['a1', 'a2'])
  })

  it('waits as long as the platform asks for', async () => {
    const limited = new WgrokError('rate-limited', '429', { retryAfterMs: 30_000 })
    const { outbox, sent, clock } = await setUp(failing(1, limited))
    outbox.accept(entry('a'))
    await clock.advance(29_999)
    expect(sent).toEqual([])
    await clock.advance(1)
    expect(sent).toEqual(['ax'])
  })

  it('buries what fails for good at once, with a warning, and goes on', async () => {
    const { outbox, sent, spool, logger } = await setUp(failing(1, new WgrokError('platform-rejected', 'no')))
    outbox.accept(entry('a', 'secret'))
    outbox.accept(entry('a', '2'))
    await outbox.close()
    expect(sent).toEqual(['a2'])
    expect(spool.dead()).toMatchObject([{ entry: { text: 'secret' }, code: 'platform-rejected' }])
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { code: 'platform-rejected', lane: 'a' } }])
    expect(JSON.stringify(logger.lines)).not.toContain('secret')
  })

  it('buries what makes the sending code throw at once, and goes on', async () => {
    const clock = fakeClock()
    const spool = new MemorySpool({ clock })
    const sent: string[] = []
    const dispatch: Dispatch = ({ text }) => {
      if (text === 'odd') throw new TypeError('odd')
      sent.push(text)
      return Promise.resolve()
    }
    const outbox = new Outbox({ spool, dispatch, clock, random: () => 0, logger: memoryLogger() })
    await outbox.start()
    for (const text of ['1', 'odd', '2']) outbox.accept(entry('a', text))
    await outbox.close()
    expect(sent).toEqual(['1', '2'])
    expect(spool.dead()).toMatchObject([{ entry: { text: 'odd' }, code: 'internal' }])
  })

  it('measures how long a send takes by a clock that nobody sets', async () => {
    const clock = fakeClock()
    let set = 0
    const more = { clock: { ...clock, now: () => clock.now() + set }, retryMax: 0 }
    const { outbox, spool } = await setUp(() => new Promise(() => {}), more)
    outbox.accept(entry('a'))
    await clock.advance(LIMITS.sendTimeout / 2)
    set = 3_600_000
    outbox.accept(entry('b'))
    await clock.advance(LIMITS.sendTimeout / 2)
    expect(spool.dead()).toMatchObject([{ entry: { lane: 'a' }, code: 'timeout' }])
    set = -3_600_000
    await clock.advance(LIMITS.sendTimeout / 2)
    expect(spool.dead()).toMatchObject([{ entry: { lane: 'a' } }, { entry: { lane: 'b' }, code: 'timeout' }])
  })

  it('does not keep the router from stopping while a dead letter cannot be written down', async () => {
    const { outbox, spool } = await setUp(failing(1, new WgrokError('platform-rejected', 'no')))
    const take = spool.take.bind(spool)
    spool.take = lane => {
      const delivery = take(lane)
      return delivery === undefined ? undefined : { ...delivery, bury: () => new Promise(() => {}) }
    }
    outbox.accept(entry('a'))
    await turn()
    outbox.stop()
    expect(await outbox.close()).toBe(1)
  })

  it('stays patient with a platform that is down, then buries', async () => {
    const { outbox, sent, spool, clock } = await setUp(() => {
      throw unavailable()
    })
    outbox.accept(entry('a'))
    await clock.advance(LIMITS.lanePatience - 1)
    expect(spool.dead()).toEqual([])
    await clock.advance(LIMITS.backoffMax)
    expect(sent).toEqual([])
    expect(spool.dead()).toMatchObject([{ code: 'platform-unavailable' }])
  })

  it('repeats a send that timed out only a few times', async () => {
    let tries = 0
    const { outbox, spool, clock } = await setUp(() => {
      tries++
      return new Promise(() => {})
    })
    outbox.accept(entry('a'))
    await clock.advance(LIMITS.lanePatience)
    expect(tries).toBe(1 + LIMITS.retryMax)
    expect(spool.dead()).toMatchObject([{ code: 'timeout' }])
  })

  it('asks for an adapter that is away at least every second', async () => {
    let tries = 0
    const { outbox, clock } = await setUp(() => {
      tries++
      throw unavailable()
    })
    outbox.accept(entry('a', 'x', { to: { platform: 'bridge', kind: 'adapter', id: 'a' } }))
    await clock.advance(60_000)
    expect(tries).toBeGreaterThan(59)
    outbox.stop()
  })
})

describe('an earlier attempt', () => {
  const limited = new WgrokError('rate-limited', '429', { retryAfterMs: 1 })

  it.each([
    ['was answered with a 429', [limited, limited], [false, false, false]],
    ['ended without a clear answer', [unavailable(), unavailable()], [false, true, true]],
    ['lost its connection before a 429', [new WgrokError('connection-lost', 'gone'), limited], [false, true, true]],
    ['was answered with a 429 before one that was not', [limited, unavailable()], [false, false, true]],
  ])('that %s may have arrived, or not', async (_what, failures, expected) => {
    const told: boolean[] = []
    const { outbox, clock } = await setUp((_entry, _signal, maybeSent) => {
      told.push(maybeSent)
      const failure = failures[told.length - 1]
      if (failure !== undefined) throw failure
    })
    outbox.accept(entry('a'))
    await clock.advance(60_000)
    outbox.accept(entry('a'))
    await turn()
    expect(told).toEqual([...expected, false])
  })

  it('that timed out may have arrived', async () => {
    const told: boolean[] = []
    const { outbox, clock } = await setUp((_entry, _signal, maybeSent) => {
      told.push(maybeSent)
      return maybeSent ? undefined : new Promise(() => {})
    })
    outbox.accept(entry('a'))
    await clock.advance(LIMITS.sendTimeout + LIMITS.backoffMax)
    expect(told).toEqual([false, true])
  })
})

describe('holding', () => {
  it('keeps one lane, and lets it go on in order', async () => {
    const { outbox, sent } = await setUp()
    await outbox.hold('a')
    for (const text of ['1', '2']) outbox.accept(entry('a', text))
    outbox.accept(entry('b', '1'))
    await turn()
    expect(sent).toEqual(['b1'])
    await outbox.release('a')
    await turn()
    expect(sent).toEqual(['b1', 'a1', 'a2'])
  })

  it('keeps all lanes, and lets go only those that are not held themselves', async () => {
    const { outbox, sent } = await setUp()
    outbox.holdAll()
    await outbox.hold('a')
    for (const lane of ['a', 'b']) outbox.accept(entry(lane))
    await turn()
    expect(sent).toEqual([])
    await outbox.releaseAll()
    await turn()
    expect(sent).toEqual(['bx'])
  })

  it('lets the send that is under way finish', async () => {
    let finish = (): void => {}
    const { outbox, sent } = await setUp(() => new Promise<void>(resolve => (finish = resolve)))
    outbox.accept(entry('a', '1'))
    outbox.accept(entry('a', '2'))
    await turn()
    await outbox.hold('a')
    finish()
    await turn()
    expect(sent).toEqual(['a1'])
  })
})

describe('closing', () => {
  it('waits for what is waiting', async () => {
    const { outbox, sent } = await setUp(() => turn())
    for (let n = 0; n < 20; n++) outbox.accept(entry('a', String(n)))
    expect(await outbox.close()).toBe(0)
    expect(sent).toHaveLength(20)
  })

  it('gives up after a while and tells how much is left', async () => {
    const { outbox, clock, spool } = await setUp(() => new Promise(() => {}))
    for (let n = 0; n < 3; n++) outbox.accept(entry('a'))
    const closed = outbox.close()
    await clock.advance(LIMITS.drainTimeout)
    expect(await closed).toBe(3)
    expect(spool.dead()).toEqual([])
    expect(clock.pending).toBe(0)
    expect(() => outbox.accept(entry('a'))).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  it('does not wait for a held lane', async () => {
    const { outbox } = await setUp()
    await outbox.hold('a')
    outbox.accept(entry('a'))
    expect(await outbox.close()).toBe(1)
  })

  it('ends a retry that waits', async () => {
    const { outbox, clock } = await setUp(() => {
      throw unavailable()
    })
    outbox.accept(entry('a'))
    await turn()
    const closed = outbox.close()
    outbox.stop()
    expect(await closed).toBe(1)
    expect(clock.pending).toBe(0)
  })
})
