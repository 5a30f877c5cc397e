import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { buildIr } from '../../generator/ir.js'
import { loadSpec } from '../../generator/load.js'
import { MANIFEST, render } from '../../generator/render.js'
import { GOLDEN, GOLDEN_FOLDER } from './golden-specs.js'

const OPTIONS = { specName: 'spec.yaml' }

async function rendered(name: string): Promise<Map<string, string>> {
  const spec = buildIr(await loadSpec(join(GOLDEN_FOLDER, name, 'spec.yaml')))
  const files = await render(spec, OPTIONS)
  // The reference has golden files of its own; the manifest would change with it.
  files.delete('PROTOCOL.md')
  files.delete(MANIFEST)
  return files
}

describe.each(GOLDEN)('golden spec %s', name => {
  it('turns into the recorded files', async () => {
    const files = await rendered(name)
    for (const [path, text] of files) {
      await expect(text).toMatchFileSnapshot(join(GOLDEN_FOLDER, name, 'expected', path))
    }
    const recorded = await readdir(join(GOLDEN_FOLDER, name, 'expected'), { recursive: true, withFileTypes: true })
    const paths = recorded.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
    expect(paths.sort()).toEqual([...files.keys()].map(path => join(GOLDEN_FOLDER, name, 'expected', path)).sort())
  })

  it('gives the same bytes twice in one process', async () => {
    expect(await rendered(name)).toEqual(await rendered(name))
  })
})

describe('golden specs', () => {
  it('are listed completely', async () => {
    const folders = await readdir(fileURLToPath(new URL('golden/', import.meta.url)), { withFileTypes: true })
    const names = folders.filter(entry => entry.isDirectory()).map(entry => entry.name)
    expect(names.sort()).toEqual([...GOLDEN].sort())
  })
})
