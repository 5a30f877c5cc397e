import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { firstDifference } from '../../generator/diff.js'
import { apply, compare } from '../../generator/sync.js'

let out: string

beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'wgrok-sync-'))
})

afterEach(() => rm(out, { recursive: true }))

function manifest(...paths: string[]): string {
  return JSON.stringify({ files: Object.fromEntries(paths.map(path => [path, ''])) })
}

function files(entries: Record<string, string>): Map<string, string> {
  return new Map([...Object.entries(entries), ['manifest.json', manifest(...Object.keys(entries))]])
}

async function sync(wanted: Map<string, string>, extras: Map<string, string> = new Map()): Promise<string[]> {
  const drift = await compare(out, wanted, extras)
  await apply(out, wanted, extras, drift)
  return drift.map(one => `${one.kind} ${one.path.slice(out.length + 1)}`).sort()
}

describe('sync', () => {
  it('writes what is missing, and then finds nothing to do', async () => {
    const wanted = files({ 'a.ts': 'a\n', 'deep/er/b.json': '{}\n' })
    expect(await sync(wanted)).toEqual(['missing a.ts', 'missing deep/er/b.json', 'missing manifest.json'])
    expect(await sync(wanted)).toEqual([])
    expect(await readFile(join(out, 'deep/er/b.json'), 'utf8')).toBe('{}\n')
  })

  it('rewrites what is stale, and says where it starts to differ', async () => {
    await sync(files({ 'a.ts': 'one\ntwo\nthree\n' }))
    await writeFile(join(out, 'a.ts'), 'one\nTWO\nthree\n')
    const wanted = files({ 'a.ts': 'one\ntwo\nthree\n' })
    expect((await compare(out, wanted))[0]?.difference).toEqual({ line: 2, hunk: [' one', '-TWO', '+two'] })
    expect(await sync(wanted)).toEqual(['stale a.ts'])
    expect(await readFile(join(out, 'a.ts'), 'utf8')).toBe('one\ntwo\nthree\n')
  })

  it('does not take other line ends for drift', async () => {
    await sync(files({ 'a.ts': 'one\ntwo\n' }))
    await writeFile(join(out, 'a.ts'), 'one\r\ntwo\r\n')
    expect(await compare(out, files({ 'a.ts': 'one\ntwo\n' }))).toEqual([])
  })

  it('deletes an orphan that the manifest lists, and leaves what it never wrote', async () => {
    await sync(files({ 'a.ts': 'a\n', 'old/b.ts': 'b\n' }))
    await writeFile(join(out, 'notes.txt'), 'mine')
    expect(await sync(files({ 'a.ts': 'a\n' }))).toEqual([
      'foreign notes.txt',
      'orphaned old/b.ts',
      'stale manifest.json',
    ])
    expect((await readdir(out)).sort()).toEqual(['a.ts', 'manifest.json', 'notes.txt', 'old'])
  })

  it('never follows a manifest out of the folder', async () => {
    const outside = `${out}-outside.txt`
    await writeFile(outside, 'keep')
    await mkdir(join(out, 'sub'))
    await writeFile(join(out, 'manifest.json'), manifest(`../${outside.split('/').at(-1)}`, outside, '..', '.', ''))
    await sync(files({ 'a.ts': 'a\n' }))
    expect(await readFile(outside, 'utf8')).toBe('keep')
    await rm(outside)
  })

  it('survives a manifest that is not one', async () => {
    for (const text of ['', '{', 'null', '[]', '{"files":null}', '{"files":"x"}']) {
      await writeFile(join(out, 'manifest.json'), text)
      expect((await compare(out, files({ 'a.ts': 'a\n' }))).map(one => one.kind)).toEqual(['missing', 'stale'])
    }
  })

  it('keeps files outside of the folder in step too', async () => {
    const path = join(out, '../', `${out.split('/').at(-1)}.env`)
    const extras = new Map([[path, 'A=\n']])
    expect((await compare(out, new Map(), extras)).map(one => one.kind)).toEqual(['missing'])
    await apply(out, new Map(), extras, await compare(out, new Map(), extras))
    expect(await readFile(path, 'utf8')).toBe('A=\n')
    await rm(path)
  })

  it('leaves no temporary file behind', async () => {
    await sync(files({ 'a.ts': 'a\n' }))
    await sync(files({ 'a.ts': 'b\n' }))
    expect((await readdir(out)).sort()).toEqual(['a.ts', 'manifest.json'])
  })
})

describe('the first difference', () => {
  it.each([
    ['a\n', 'a\nb\n', 2, [' a', '+b']],
    ['a\nb\n', 'a\n', 2, [' a', '-b']],
    ['', 'x', 1, ['-', '+x']],
    ['1\n2\n3\n4\n5\n', '1\n2\n3\nfour\n5\n', 4, [' 2', ' 3', '-4', '+four']],
    ['x\nx\n', 'x\nx\nx\n', 3, [' x', ' x', '+x']],
  ])('of %j and %j', (found, wanted, line, hunk) => {
    const difference = firstDifference(found, wanted)
    expect(difference.line).toBe(line)
    expect(difference.hunk).toEqual(hunk)
  })

  it('is cut when it is long', () => {
    const { hunk } = firstDifference('', Array.from({ length: 50 }, (_, index) => `${index}`).join('\n'))
    expect(hunk.length).toBeLessThan(12)
    expect(hunk.at(-1)).toMatch(/^\+… \d+ more$/)
  })
})
