import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { GeneratedFile } from './emit/file.js'
import { loadPeer } from './peers.js'

const run = promisify(execFile)

/** The one style of generated code; independent of any biome.json around, so that output is the same everywhere. */
const STYLE = {
  root: true,
  formatter: { indentStyle: 'space', indentWidth: 2, lineWidth: 120 },
  javascript: {
    formatter: { quoteStyle: 'single', semicolons: 'asNeeded', trailingCommas: 'all', arrowParentheses: 'asNeeded' },
  },
  linter: { enabled: false },
  assist: { enabled: false },
}

/**
 * Formats TypeScript, JavaScript and JSON with Biome: one process over a temporary folder.
 * @throws MissingPeerError without @biomejs/biome
 * @throws Error when Biome cannot parse a file, which is a defect of an emitter
 */
export async function formatFiles(files: readonly GeneratedFile[]): Promise<GeneratedFile[]> {
  const wanted = files.filter(file => /\.(?:ts|js|json)$/.test(file.path))
  if (wanted.length === 0) return [...files]
  const biome = await loadPeer('@biomejs/biome', async () =>
    createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome'),
  )
  const folder = await mkdtemp(join(tmpdir(), 'wgrok-gen-'))
  try {
    await writeFile(join(folder, 'biome.json'), JSON.stringify(STYLE))
    const folders = new Set(wanted.map(file => dirname(join(folder, file.path))))
    await Promise.all([...folders].map(path => mkdir(path, { recursive: true })))
    await Promise.all(wanted.map(file => writeFile(join(folder, file.path), file.text)))
    await run(process.execPath, [biome, 'format', '--write', '--colors=off', '.'], { cwd: folder })
    return await Promise.all(
      files.map(async file => {
        return wanted.includes(file) ? { ...file, text: await readFile(join(folder, file.path), 'utf8') } : file
      }),
    )
  } catch (cause) {
    const { stderr, stdout } = cause as { stderr?: string; stdout?: string }
    throw new Error(`Biome could not format the generated files: ${stderr ?? ''}${stdout ?? ''}`, { cause })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
