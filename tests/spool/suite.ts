import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Spool, SpoolEntry, SpoolStats } from '../../src/spool/spool.js'

let ids = 0

/** An entry for a lane. */
export function entry(lane: string, text = 'x', more: Partial<SpoolEntry> = {}): SpoolEntry {
  return { id: `e-${++ids}`, lane, to: { platform: 'webex', kind: 'room', id: lane }, text, acceptedAt: 1, ...more }
}

/** Takes the next `count` of a lane, all that are there unless told, and returns their texts in order. */
export async function drain(spool: Spool, lane: string, count: number = Number.POSITIVE_INFINITY): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) {
    const delivery = await spool.take(lane)
    if (delivery === undefined) return texts
    texts.push(delivery.entry.text)
    await delivery.ack()
  }
  return texts
}

/** What the spool holds now; one that others share has to ask. */
async function statsOf(spool: Spool): Promise<SpoolStats> {
  await spool.lanes()
  return spool.stats()
}

/** What every spool has to do, whatever it is made of. */
export function describeSpool(name: string, open: () => Promise<Spool>, manyLanes: number = 1_000): void {
  describe(`${name} as a spool`, () => {
    let spool: Spool
    let ready: string[]
    beforeEach(async () => {
      spool = await open()
      ready = []
      await spool.start(lane => ready.push(lane))
    })
    afterEach(() => spool.close())

    it('gives back whole entries, in the order of each lane', async () => {
      const full = entry('a', '1', {
        cards: [{ type: 'AdaptiveCard' }],
        mention: { platform: 'webex', kind: 'email', id: 'a@example.com' },
        via: 'webex-2',
      })
      await spool.append(full)
      for (const text of ['2', '3']) await spool.append(entry('a', text))
      await spool.append(entry('b', 'other'))
      const delivery = await spool.take('a')
      expect(delivery?.entry).toEqual(full)
      await delivery?.ack()
      expect(await drain(spool, 'a')).toEqual(['2', '3'])
      expect(await drain(spool, 'b')).toEqual(['other'])
      expect(await statsOf(spool)).toMatchObject({ messages: 0, lanes: 0, dead: 0 })
    })

    it('says which lane has something', async () => {
      await spool.append(entry('a'))
      await expect.poll(() => ready).toContain('a')
    })

    it('lends one entry of a lane at a time', async () => {
      await spool.append(entry('a', '1'))
      await spool.append(entry('a', '2'))
      const first = await spool.take('a')
      expect(await spool.take('a')).toBeUndefined()
      await first?.ack()
      expect((await spool.take('a'))?.entry.text).toBe('2')
    })

    it('takes back what was not sent, as the head of its lane', async () => {
      for (const text of ['1', '2']) await spool.append(entry('a', text))
      await (await spool.take('a'))?.release()
      expect((await statsOf(spool)).messages).toBe(2)
      expect(await drain(spool, 'a')).toEqual(['1', '2'])
    })

    it('has nothing in a lane that nobody wrote to', async () => {
      expect(await spool.take('nobody')).toBeUndefined()
    })

    it('keeps content as it is, 4-byte characters and control characters too', async () => {
      const text = 'a:b\u0000\n\u2028😀𝄞"\\'
      await spool.append(entry('a:#x y/é😀', text))
      expect(await drain(spool, 'a:#x y/é😀')).toEqual([text])
    })

    it('counts what waits', async () => {
      for (const lane of ['a', 'a', 'b']) await spool.append(entry(lane))
      expect(await statsOf(spool)).toMatchObject({ messages: 3, lanes: 2, dropped: 0 })
      const lanes = [...(await spool.lanes())].sort((x, y) => x.lane.localeCompare(y.lane))
      expect(lanes).toEqual([
        { lane: 'a', messages: 2, held: false },
        { lane: 'b', messages: 1, held: false },
      ])
    })

    it('remembers which lanes are held', async () => {
      await spool.hold('a', true)
      await spool.hold('b', true)
      await spool.hold('b', false)
      expect([spool.isHeld('a'), spool.isHeld('b'), spool.held()]).toEqual([true, false, ['a']])
    })

    it('keeps dead letters with their reason, and plays them again at the end of their lane', async () => {
      const dead = entry('a', 'dead')
      await spool.append(dead)
      await (await spool.take('a'))?.bury({ code: 'platform-rejected', detail: 'no' })
      expect(await spool.dead()).toMatchObject([{ entry: dead, code: 'platform-rejected', detail: 'no' }])
      expect(await statsOf(spool)).toMatchObject({ messages: 0, dead: 1 })
      await spool.append(entry('a', 'next'))
      expect(await spool.replay('nobody')).toBe(false)
      expect(await spool.replay(dead.id)).toBe(true)
      expect(await drain(spool, 'a')).toEqual(['next', 'dead'])
      expect(await spool.dead()).toEqual([])
    })

    it('drops a dead letter when told to', async () => {
      const dead = entry('a')
      await spool.append(dead)
      await (await spool.take('a'))?.bury({ code: 'timeout', detail: '' })
      expect(await spool.discard(dead.id)).toBe(true)
      expect(await spool.discard(dead.id)).toBe(false)
      expect((await statsOf(spool)).dead).toBe(0)
    })

    it('lists dead letters oldest first, and no more than asked for', async () => {
      for (const text of ['1', '2', '3']) {
        await spool.append(entry(`lane-${text}`, text))
        await (await spool.take(`lane-${text}`))?.bury({ code: 'timeout', detail: '' })
      }
      expect((await spool.dead(2)).map(letter => letter.entry.text)).toEqual(['1', '2'])
    })

    it(`holds ${manyLanes} lanes apart`, { timeout: 60_000 }, async () => {
      const lanes = Array.from({ length: manyLanes }, (_, n) => `lane-${n}`)
      await Promise.all(lanes.flatMap(lane => ['1', '2'].map(text => spool.append(entry(lane, text)))))
      for (const lane of lanes) expect(await drain(spool, lane, 2)).toEqual(['1', '2'])
      // Of what left last, a server hears a moment later.
      await expect.poll(() => statsOf(spool)).toMatchObject({ messages: 0, lanes: 0 })
    })
  })
}
