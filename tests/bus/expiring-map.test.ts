import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dedupe } from '../../src/bus/dedupe.js'
import { ExpiringMap } from '../../src/bus/expiring-map.js'
import { fakeClock } from '../support/fake-clock.js'

describe('ExpiringMap', () => {
  it('forgets what is older than its time', async () => {
    const clock = fakeClock()
    const map = new ExpiringMap<number>({ ttl: 100, max: 10, clock })
    map.set('a', 1)
    await clock.advance(99)
    expect(map.get('a')).toBe(1)
    await clock.advance(1)
    expect(map.get('a')).toBeUndefined()
    expect(map.has('a')).toBe(false)
  })

  it('begins anew when an entry is set again', async () => {
    const clock = fakeClock()
    const map = new ExpiringMap<number>({ ttl: 100, max: 10, clock })
    map.set('a', 1)
    await clock.advance(60)
    map.set('a', 2)
    await clock.advance(60)
    expect(map.get('a')).toBe(2)
  })

  it('drops the one set longest ago when full', () => {
    const map = new ExpiringMap<number>({ ttl: 100, max: 2, clock: fakeClock() })
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    map.set('c', 4)
    expect([map.get('a'), map.get('b'), map.get('c'), map.size]).toEqual([3, undefined, 4, 2])
  })

  it('behaves like a slow map that looks at every entry', () => {
    const op = fc.tuple(fc.constantFrom('set', 'delete', 'wait'), fc.integer({ min: 0, max: 7 }))
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), ops => {
        let now = 0
        const clock = { now: () => now, elapsed: () => now, setTimeout: () => ({ cancel() {} }) }
        const map = new ExpiringMap<number>({ ttl: 5, max: 4, clock })
        let model: { key: string; value: number; at: number }[] = []
        for (const [index, [kind, n]] of ops.entries()) {
          const key = String(n)
          if (kind === 'wait') now += n
          if (kind === 'delete') {
            map.delete(key)
            model = model.filter(entry => entry.key !== key)
          }
          if (kind === 'set') {
            map.set(key, index)
            model = [...model.filter(entry => entry.key !== key), { key, value: index, at: now }].slice(-4)
          }
          expect(map.size).toBeLessThanOrEqual(4)
          for (const entry of model) {
            expect(map.get(entry.key)).toBe(now - entry.at < 5 ? entry.value : undefined)
          }
        }
      }),
    )
  })
})

describe('Dedupe', () => {
  it('lets an id pass once per platform', () => {
    const dedupe = new Dedupe({ clock: fakeClock() })
    expect([dedupe.first('webex', '1'), dedupe.first('webex', '1'), dedupe.first('slack', '1')]).toEqual([
      true,
      false,
      true,
    ])
  })

  it('lets an id pass again when what came with it was refused', () => {
    const dedupe = new Dedupe({ clock: fakeClock() })
    dedupe.first('webex', '1')
    dedupe.forget('webex', '1')
    expect(dedupe.first('webex', '1')).toBe(true)
  })

  it('remembers an id for its time and no longer than twice that', async () => {
    const clock = fakeClock()
    const dedupe = new Dedupe({ ttl: 100, clock })
    dedupe.first('webex', 'begin')
    await clock.advance(99)
    dedupe.first('webex', '1')
    await clock.advance(99)
    expect(dedupe.first('webex', '1')).toBe(false)
    await clock.advance(100)
    expect(dedupe.first('webex', '1')).toBe(true)
  })

  it('forgets everything over a long silence', async () => {
    const clock = fakeClock()
    const dedupe = new Dedupe({ ttl: 100, clock })
    dedupe.first('webex', '1')
    await clock.advance(200)
    expect(dedupe.first('webex', '1')).toBe(true)
    expect(dedupe.size).toBe(1)
  })

  it('remembers no more than its bound, and always the newest half of it', () => {
    const dedupe = new Dedupe({ max: 100, clock: fakeClock() })
    let most = 0
    for (let id = 0; id < 1_000; id++) {
      dedupe.first('irc', String(id))
      most = Math.max(most, dedupe.size)
      if (id >= 50) expect(dedupe.first('irc', String(id - 49))).toBe(false)
    }
    expect(most).toBe(100)
  })
})
