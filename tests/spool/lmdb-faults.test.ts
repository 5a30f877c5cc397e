import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/clock.js'
import { silent } from '../../src/log.js'
import { LmdbStore } from '../../src/spool/lmdb-store.js'
import { memoryLogger } from '../bus/fakes.js'
import { fakeClock, settle } from '../support/fake-clock.js'
import { fillDisk, newDir, open } from './lmdb-dir.js'
import { drain, entry } from './suite.js'

/** Changes a byte of each message whose text begins so. */
function damage(dir: string, text: string): void {
  const file = join(dir, 'spool/data.mdb')
  const bytes = readFileSync(file)
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) bytes[at] = 0x58
  writeFileSync(file, bytes)
}

describe('a damaged message', () => {
  // A page holds a little more than 1 MiB.
  const large = (text: string): string => text.padEnd(110_000)

  it('is set aside once, though the next page is read before that is on disk', async () => {
    const dir = newDir()
    const first = await open(dir)
    const texts = [...Array.from({ length: 9 }, (_, n) => large(String(n))), large('to-be-damaged'), 'y', 'z']
    for (const text of texts) await first.append(entry('a', text))
    await first.close()
    damage(dir, 'to-be-damaged')
    const logger = memoryLogger()
    const spool = await open(dir, { logger })
    const got: string[] = []
    for (let next = spool.take('a'); next !== undefined; next = spool.take('a')) {
      got.push(next.entry.text.trimEnd())
      void next.ack()
    }
    expect(got).toEqual([...'012345678', 'y', 'z'])
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(spool.stats()).toMatchObject({ messages: 0, bytes: 0, lanes: 0 })
    await spool.close()
  })

  it('does not hold up what comes after it, whatever its size', async () => {
    const dir = newDir()
    const first = await open(dir)
    for (let n = 0; n < 12; n++) await first.append(entry('a', large('to-be-damaged')))
    await first.append(entry('a', 'good'))
    await first.close()
    damage(dir, 'to-be-damaged')
    const spool = await open(dir)
    expect(spool.take('a')?.entry.text).toBe('good')
    expect(spool.stats()).toMatchObject({ messages: 1, lanes: 1 })
    await spool.close()
  })
})

describe('a closed spool', () => {
  it('refuses what comes later, and writes into no file that took the place of its own', async () => {
    const dir = newDir()
    const spool = await open(dir)
    await spool.append(entry('a', 'sent late'))
    const delivery = spool.take('a')
    await spool.close()
    const files = Array.from({ length: 40 }, (_, n) => join(dir, `file-${n}`))
    for (const file of files) writeFileSync(file, 'hello')
    const opened = files.map(file => openSync(file, 'r+'))
    await delivery?.ack()
    await expect(spool.append(entry('a'))).rejects.toMatchObject({ code: 'closed' })
    for (const file of opened) closeSync(file)
    expect(files.map(file => readFileSync(file, 'utf8'))).toEqual(files.map(() => 'hello'))
    const again = await open(dir)
    expect(await drain(again, 'a')).toEqual(['sent late'])
    await again.close()
  })
})

describe('a long lane or id', () => {
  const long = 'ä'.repeat(1_000)

  it('is refused when it fits no key, and nothing else with it', async () => {
    const dir = newDir()
    const spool = await open(dir)
    const results = await Promise.allSettled([
      spool.append(entry('a', '1')),
      spool.append(entry(long)),
      spool.append(entry('a', 'x', { id: long })),
      spool.hold(long, true),
      spool.append(entry('a', '2')),
    ])
    const refused = { status: 'rejected', reason: { code: 'target-invalid', retryable: false } }
    const taken = { status: 'fulfilled' }
    expect(results).toMatchObject([taken, refused, refused, refused, taken])
    expect(spool.isHeld(long)).toBe(false)
    expect(spool.stats()).toMatchObject({ messages: 2, lanes: 1, refusing: undefined })
    expect(await drain(spool, 'a')).toEqual(['1', '2'])
    await spool.close()
  })

  it('comes back after a restart, dies and is played again as long as it fits', async () => {
    const dir = newDir()
    const longest = entry('ä'.repeat(950), '1', { id: '\u20ac'.repeat(633) })
    const first = await open(dir)
    await first.append(longest)
    await first.hold(longest.lane, true)
    await first.close()
    const spool = await open(dir)
    expect(spool.held()).toEqual([longest.lane])
    await spool.take(longest.lane)?.bury({ code: 'timeout', detail: '' })
    expect(await spool.replay(longest.id)).toBe(true)
    expect(await drain(spool, longest.lane)).toEqual(['1'])
    await spool.close()
  })

  it('does not stop the store that it is given to all the same, nor what shares its transaction', async () => {
    const store = await LmdbStore.open(newDir(), silent)
    const value = Buffer.from('x')
    const results = await Promise.allSettled(
      ['a', 'b'.repeat(3_000), 'c'].map(key => store.write(() => store.held.put(key, value), 1)),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(store.failure).toBeUndefined()
    await store.write(() => store.held.put('d', value), 1)
    expect([...store.held.getKeys({})]).toEqual(['a', 'c', 'd'])
    await store.close()
  })
})

describe('a page that is read while a message is written', () => {
  it('leaves the memory for what waits as large as it was', async () => {
    const dir = newDir()
    const large = 'x'.repeat(4 * 1024 * 1024)
    const lanes = Array.from({ length: 40 }, (_, n) => `lane-${n}`)
    const first = await open(dir)
    await Promise.all(lanes.map(lane => first.append(entry(lane, 'before'))))
    await first.close()
    const spool = await open(dir)
    for (const lane of lanes) {
      const appended = spool.append(entry(lane, large))
      await new Promise(resolve => setImmediate(resolve))
      await new Promise(resolve => setImmediate(resolve))
      // The thread of lmdb commits meanwhile, and this one does not hear of it before it has read the page.
      const until = performance.now() + 40
      while (performance.now() < until);
      void spool.take(lane)?.ack()
      await appended
      expect((await drain(spool, lane)).map(text => text.length)).toEqual([large.length])
    }
    const next = entry('next')
    await spool.append(next)
    // One that was not kept in memory is read from disk, and would be a copy.
    expect(spool.take('next')?.entry).toBe(next)
    await spool.close()
  })
})

describe('a disk that refuses', () => {
  it('leaves a dead letter where it was when it is played again or discarded', async ctx => {
    const dir = newDir()
    const spool = await open(dir)
    const entries = ['1', '2', '3'].map(text => entry(`lane-${text}`, text))
    for (const [n, item] of entries.entries()) {
      await spool.append(item)
      await spool.take(item.lane)?.bury({ code: 'timeout', detail: String(n) })
    }
    const repair = fillDisk(dir)
    if (repair === undefined) return ctx.skip('this system has no file that is always full')
    const [first, second] = entries.map(({ id }) => id) as [string, string]
    const texts = (): string[] => spool.dead().map(letter => letter.entry.text)
    await expect(spool.replay(second)).rejects.toMatchObject({ code: 'spool-full' })
    await expect(spool.discard(first)).rejects.toMatchObject({ code: 'spool-full' })
    expect([texts(), spool.stats().dead]).toEqual([['1', '2', '3'], 3])
    repair()
    expect([await spool.replay(second), await spool.discard(first)]).toEqual([true, true])
    expect([texts(), await drain(spool, 'lane-2')]).toEqual([['3'], ['2']])
    await spool.close()
  })

  it('is asked again only from time to time to forget old ids', async ctx => {
    const dir = newDir()
    const clock = fakeClock()
    const logger = memoryLogger()
    const waits: number[] = []
    const noted: Clock = {
      ...clock,
      setTimeout: (fn, ms) => {
        waits.push(ms)
        // Time would stand still, were nothing waited for.
        return clock.setTimeout(fn, Math.max(ms, 1_000))
      },
    }
    const spool = await open(dir, { clock: noted, logger, dedupeTtl: 1_000 })
    await Promise.all(Array.from({ length: 2_500 }, () => spool.append(entry('a'))))
    const acks: unknown[] = []
    for (let next = spool.take('a'); next !== undefined; next = spool.take('a')) acks.push(next.ack())
    await Promise.all(acks)
    const repair = fillDisk(dir)
    if (repair === undefined) return ctx.skip('this system has no file that is always full')
    await clock.advance(30_000)
    await settle()
    expect(waits).toEqual([10_000, 10_000, 10_000, 10_000])
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(3)
    repair()
    await clock.advance(10_000)
    // More are old than one transaction forgets.
    await expect.poll(() => waits.at(-1)).toBe(0)
    await spool.close()
  })
})
