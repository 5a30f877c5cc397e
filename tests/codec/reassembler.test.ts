import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { type Drop, Reassembler, type ReassemblyKey } from '../../src/codec/reassembler.js'
import { fakeClock } from '../support/fake-clock.js'

const KEY: ReassemblyKey = {
  platform: 'webex',
  conversation: 'webex:room:1',
  sender: 'router@example.com',
  to: 'worker',
  from: 'relay',
  compressed: false,
  encrypted: false,
}

describe('reassembler', () => {
  it('expires sets with one timer, each five minutes after its own last chunk', async () => {
    const clock = fakeClock()
    const drops: Drop[] = []
    const reassembler = new Reassembler({ clock, onDrop: drop => drops.push(drop) })
    reassembler.accept({ ...KEY, to: 'a' }, { index: 1, total: 3 }, 'x')
    await clock.advance(60_000)
    reassembler.accept({ ...KEY, to: 'b' }, { index: 1, total: 2 }, 'x')
    reassembler.accept({ ...KEY, to: 'a' }, { index: 3, total: 3 }, 'x')
    expect(clock.pending).toBe(1)
    await clock.advance(LIMITS.reassemblyTtl - 1)
    expect(reassembler.size).toBe(2)
    await clock.advance(1)
    expect(reassembler.size).toBe(0)
    expect(reassembler.bytes).toBe(0)
    expect(clock.pending).toBe(0)
    expect(drops.map(({ code, to, received, total }) => ({ code, to, received, total }))).toEqual([
      { code: 'chunk-expired', to: 'b', received: 1, total: 2 },
      { code: 'chunk-expired', to: 'a', received: 2, total: 3 },
    ])
  })

  it('tells of a drop without telling what was in it', () => {
    const drops: Drop[] = []
    const reassembler = new Reassembler({ clock: fakeClock(), maxSets: 1, onDrop: drop => drops.push(drop) })
    reassembler.accept(KEY, { index: 1, total: 2 }, 'secret')
    reassembler.accept({ ...KEY, to: 'other' }, { index: 1, total: 2 }, 'secret')
    expect(drops).toHaveLength(1)
    expect(JSON.stringify(drops)).not.toContain('secret')
    reassembler.close()
  })

  it('counts bytes, not characters', () => {
    const reassembler = new Reassembler({ clock: fakeClock() })
    reassembler.accept(KEY, { index: 1, total: 2 }, '€𝄞')
    expect(reassembler.bytes).toBe(7)
    reassembler.accept(KEY, { index: 2, total: 2 }, 'x')
    expect(reassembler.bytes).toBe(0)
    reassembler.close()
  })

  it('refuses what would exceed the bytes of all senders, and leaves the others alone', () => {
    const reassembler = new Reassembler({ clock: fakeClock(), maxBytes: 10 })
    reassembler.accept({ ...KEY, sender: 'a' }, { index: 1, total: 2 }, '12345678')
    expect(() => reassembler.accept({ ...KEY, sender: 'b' }, { index: 1, total: 2 }, '123')).toThrow('[chunk-limit]')
    expect(reassembler.bytes).toBe(8)
    expect(reassembler.accept({ ...KEY, sender: 'a' }, { index: 2, total: 2 }, '9')).toBe('123456789')
    reassembler.close()
  })

  it('holds no more than its caps whatever one sender does', () => {
    const reassembler = new Reassembler({ clock: fakeClock(), maxSenderBytes: 50_000 })
    for (let i = 0; i < 5000; i++) {
      reassembler.accept({ ...KEY, to: `t${i}` }, { index: 1 + (i % 3), total: 100 }, 'x'.repeat(i % 4000))
      expect(reassembler.size).toBeLessThanOrEqual(LIMITS.reassemblySetsPerSender)
      expect(reassembler.bytes).toBeLessThanOrEqual(50_000)
    }
    reassembler.close()
  })

  it('keeps two trains apart however their chunks are ordered within each, if one follows the other', () => {
    const reassembler = new Reassembler({ clock: fakeClock() })
    const joined: (string | undefined)[] = []
    for (const train of ['a', 'b', 'c']) {
      for (const index of [2, 1, 4, 3]) joined.push(reassembler.accept(KEY, { index, total: 4 }, `${train}${index}`))
    }
    expect(joined.filter(text => text !== undefined)).toEqual(['a1a2a3a4', 'b1b2b3b4', 'c1c2c3c4'])
    expect(reassembler.size).toBe(0)
    reassembler.close()
  })

  it('takes a hundred thousand chunks of one payload in linear time', () => {
    const total = 100_000
    const reassembler = new Reassembler({ clock: fakeClock(), maxChunks: total })
    const start = performance.now()
    for (let index = 1; index < total; index++) reassembler.accept(KEY, { index, total }, 'abc')
    expect(reassembler.accept(KEY, { index: total, total }, 'abc')?.length).toBe(300_000)
    expect(performance.now() - start).toBeLessThan(3000)
    reassembler.close()
  })

  it('takes nothing more once closed, and closing twice is fine', async () => {
    const clock = fakeClock()
    const drops: Drop[] = []
    const reassembler = new Reassembler({ clock, onDrop: drop => drops.push(drop) })
    reassembler.accept(KEY, { index: 1, total: 2 }, 'x')
    reassembler.close()
    reassembler.close()
    expect(clock.pending).toBe(0)
    expect(drops).toEqual([])
    expect(() => reassembler.accept(KEY, { index: 2, total: 2 }, 'x')).toThrow('[closed]')
  })
})
