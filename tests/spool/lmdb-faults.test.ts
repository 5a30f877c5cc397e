import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { memoryLogger } from '../bus/fakes.js'
import { newDir, open } from './lmdb-dir.js'
import { entry } from './suite.js'

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
      got.push(next.entry.text)
      void next.ack()
    }
    expect(got).toEqual(texts.filter(text => !text.startsWith('to-be')))
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
