import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LmdbSpool } from '../../src/spool/lmdb.js'
import { memoryLogger } from '../bus/fakes.js'
import { fakeClock } from '../support/fake-clock.js'
import { mountDisk, newDir, open } from './lmdb-dir.js'
import { describeSpool, drain, entry } from './suite.js'

describeSpool('lmdb', async () => LmdbSpool.open({ dir: newDir() }))

describe('a restart', () => {
  it('keeps what waits in its order, what is held, and the dead letters', async () => {
    const dir = newDir()
    const first = await open(dir)
    const entries = Array.from({ length: 500 }, (_, n) => entry(n % 2 === 0 ? 'a' : 'b', String(n)))
    await Promise.all(entries.map(item => first.append(item)))
    await first.hold('b', true)
    await (await first.take('a'))?.bury({ code: 'timeout', detail: 'too slow' })
    await (await first.take('a'))?.ack()
    await (await first.take('a'))?.release()
    await first.close()
    const second = await open(dir)
    expect(second.stats()).toMatchObject({ messages: 498, lanes: 2, dead: 1 })
    expect(second.held()).toEqual(['b'])
    expect(second.dead()).toMatchObject([{ entry: { text: '0' }, code: 'timeout', detail: 'too slow' }])
    const again = second.take('a')
    expect(again?.redelivered).toBe(1)
    await again?.ack()
    // A lane has one message out at a time.
    expect(second.take('a')?.redelivered).toBe(0)
    expect(second.take('b')?.redelivered).toBe(1)
    await second.close()
    const third = await open(dir)
    expect(await drain(third, 'a')).toEqual(entries.filter((_, n) => n % 2 === 0 && n > 4).map(({ text }) => text))
    expect(await drain(third, 'b')).toEqual(entries.filter((_, n) => n % 2 === 1).map(({ text }) => text))
    expect(third.stats()).toMatchObject({ messages: 0, bytes: 0, lanes: 0 })
    await third.close()
  })

  it('remembers the ids of what waits, and of what has left for their time', async () => {
    const dir = newDir()
    const clock = fakeClock()
    const [sent, waiting] = [entry('a'), entry('a')]
    let spool = await open(dir, { clock })
    expect(await Promise.all([spool.append(sent), spool.append(sent)])).toEqual(['accepted', 'duplicate'])
    await spool.append(waiting)
    await spool.take('a')?.ack()
    for (const [ms, known] of [
      [599_000, 'duplicate'],
      [2_000, 'accepted'],
    ] as const) {
      await spool.close()
      await clock.advance(ms)
      spool = await open(dir, { clock })
      expect(await spool.append(waiting)).toBe('duplicate')
      expect(await spool.append(sent)).toBe(known)
    }
    await spool.close()
  })

  it('reads a lane of 5,000 messages page by page', async () => {
    const dir = newDir()
    const first = await open(dir)
    await Promise.all(Array.from({ length: 5_000 }, (_, n) => first.append(entry('a', String(n)))))
    await first.close()
    const second = await open(dir)
    const head = second.take('a')
    await Promise.all(Array.from({ length: 10 }, (_, n) => second.append(entry('a', String(5_000 + n)))))
    await head?.release()
    expect(await drain(second, 'a')).toEqual(Array.from({ length: 5_010 }, (_, n) => String(n)))
    await second.close()
  })
})

describe('a killed process', () => {
  it('loses nothing that was accepted', async () => {
    const dir = newDir()
    const script = fileURLToPath(new URL('./append-forever.ts', import.meta.url))
    let accepted = 0
    for (let kills = 0; kills < 5; kills++) {
      const child = spawn(process.execPath, ['--import', 'tsx', script, dir, String(accepted)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let lines = ''
      child.stdout.setEncoding('utf8').on('data', part => {
        lines += part
        if (lines.length > 2_000) child.kill('SIGKILL')
      })
      await once(child, 'close')
      accepted = Number(lines.trimEnd().split('\n').at(-1)) + 1
    }
    const spool = await open(dir)
    const numbers = (await drain(spool, 'a')).map(Number)
    expect(numbers.slice(0, accepted)).toEqual(Array.from({ length: accepted }, (_, n) => n))
    expect(new Set(numbers).size).toBe(numbers.length)
    await spool.close()
  }, 60_000)
})

describe('a second process', () => {
  it('is told that the directory is in use, and gets it when the first one is gone', async () => {
    const dir = newDir()
    const first = await open(dir)
    await expect(open(dir)).rejects.toMatchObject({ code: 'spool-failed', message: expect.stringContaining('in use') })
    await first.close()
    await (await open(dir)).close()
  })

  it('does not mind what a killed one left behind', async () => {
    const dir = newDir()
    writeFileSync(join(dir, 'lock'), '')
    await (await open(dir)).close()
  })
})

describe('a full spool', () => {
  it('refuses rather than drops, and takes messages again when there is room', async () => {
    const spool = await open(newDir(), { maxBytes: 10_000 })
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => spool.append(entry('a', String(n).padEnd(400)))),
    )
    const accepted = results.filter(({ status }) => status === 'fulfilled').length
    expect(accepted).toBeGreaterThan(10)
    expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'spool-full', retryable: true } })
    expect((await drain(spool, 'a')).map(Number)).toEqual(Array.from({ length: accepted }, (_, n) => n))
    expect(await spool.append(entry('a'))).toBe('accepted')
    await spool.close()
  })
})

describe('a full disk', () => {
  it('refuses new messages and delivers what was accepted', async ctx => {
    const dir = mountDisk(32 * 1024 * 1024)
    if (dir === undefined) return ctx.skip('no disk can be mounted here')
    const spool = await open(dir)
    let accepted = 0
    let refusal: unknown
    while (refusal === undefined && accepted < 50_000) {
      await spool.append(entry('a', String(accepted).padEnd(10_000))).then(
        () => accepted++,
        error => {
          refusal = error
        },
      )
    }
    expect(refusal).toMatchObject({ code: 'spool-full' })
    expect(accepted).toBeGreaterThan(500)
    expect(() => writeFileSync(join(dir, 'rest'), '.')).toThrow(/ENOSPC/)
    expect((await drain(spool, 'a')).map(Number)).toEqual(Array.from({ length: accepted }, (_, n) => n))
    expect(await spool.append(entry('a', 'again'))).toBe('accepted')
    expect(await drain(spool, 'a')).toEqual(['again'])
    await spool.close()
  }, 60_000)
})

describe('a directory that cannot be written to', () => {
  it('is only read from: new messages are refused, what was accepted is delivered', async ctx => {
    const dir = mountDisk(64 * 1024 * 1024)
    if (dir === undefined) return ctx.skip('no disk can be mounted here')
    const before = await open(dir)
    for (const text of ['1', '2', '3']) await before.append(entry('a', text))
    await before.close()
    execFileSync('mount', ['-o', 'remount,ro', dir])
    const spool = await open(dir)
    await expect(spool.append(entry('a'))).rejects.toMatchObject({ code: 'spool-failed' })
    expect(spool.stats().refusing).toMatchObject({ code: 'spool-failed' })
    expect(await drain(spool, 'a')).toEqual(['1', '2', '3'])
    expect(spool.stats().messages).toBe(0)
    await spool.close()
  })

  it('and holds nothing yet is refused with its reason', async () => {
    const dir = join(newDir(), 'file')
    writeFileSync(dir, '')
    await expect(open(dir)).rejects.toMatchObject({ code: 'spool-failed' })
  })
})

describe('a damaged store', () => {
  const fill = async (dir: string): Promise<void> => {
    const spool = await open(dir)
    for (let n = 0; n < 2_000; n++) void spool.append(entry('a', `${n}`.padEnd(1_000)))
    await spool.append(entry('a'))
    await spool.close()
  }

  it.each([
    ['cut off', (file: string) => truncateSync(file, 4096 * 20)],
    ['overwritten', (file: string) => writeFileSync(file, Buffer.alloc(100_000, 7))],
  ])('(%s) is set aside and reported, never silently reset', async (_how, damage) => {
    const dir = newDir()
    await fill(dir)
    damage(join(dir, 'spool/data.mdb'))
    const logger = memoryLogger()
    const spool = await open(dir, { logger })
    expect(spool.stats().messages).toBe(0)
    expect(await spool.append(entry('a', 'new'))).toBe('accepted')
    expect(await drain(spool, 'a')).toEqual(['new'])
    await spool.close()
    const aside = readdirSync(dir).filter(name => name.startsWith('spool.damaged-'))
    expect(aside).toHaveLength(1)
    expect(readdirSync(join(dir, aside[0] ?? ''))).toContain('data.mdb')
    expect(logger.lines).toMatchObject([
      { level: 'error', fields: { folder: expect.stringContaining('spool.damaged-') } },
    ])
  })

  it('loses only the message whose bytes changed', async () => {
    const dir = newDir()
    const first = await open(dir)
    for (const text of ['one', 'two-to-be-damaged', 'three']) await first.append(entry('a', text))
    await first.close()
    const file = join(dir, 'spool/data.mdb')
    const bytes = readFileSync(file)
    for (let at = bytes.indexOf('two-to-be'); at !== -1; at = bytes.indexOf('two-to-be', at + 1)) bytes[at] = 0x58
    writeFileSync(file, bytes)
    const logger = memoryLogger()
    const spool = await open(dir, { logger })
    expect(await drain(spool, 'a')).toEqual(['one', 'three'])
    expect(spool.stats()).toMatchObject({ messages: 0, lanes: 0 })
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { lane: 'a', seq: 2 } }])
    expect(JSON.stringify(logger.lines)).not.toContain('be-damaged')
    await spool.close()
  })
})
