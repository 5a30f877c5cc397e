import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { exclusively } from './lib/lock.mjs'
import { at, ROOT } from './lib/root.mjs'
import { node } from './lib/run.mjs'

const SOURCES = ['src', 'generator', 'generated']
const CONFIG = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build.mjs']
const STAMP = at('dist', '.stamp')
const GENERATOR_STAMP = at('dist', '.generator-stamp')

/**
 * Compiles `src`, `generator` and `generated` into `dist`, copies what is not TypeScript, and removes what has no
 * source any more. Does nothing when no input has changed since.
 *
 * @returns {Promise<boolean>} False when `dist` was up to date.
 * @throws Error with the compiler's output.
 */
export async function build() {
  return await exclusively('build', async () => {
    const inputs = SOURCES.flatMap(folder => list(at(folder)))
    const hash = fingerprint(inputs)
    if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === hash) return false
    rmSync(STAMP, { force: true })
    rmSync(GENERATOR_STAMP, { force: true })
    const { code, output } = await node([at('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'])
    if (code !== 0) throw new Error(`tsc failed\n${output}`)
    const wanted = new Set(inputs.flatMap(input => emit(input)))
    for (const folder of SOURCES) prune(at('dist', folder), wanted)
    writeFileSync(GENERATOR_STAMP, fingerprint(list(at('generator'))))
    writeFileSync(STAMP, hash)
    return true
  })
}

/** Whether the generator in `dist` is that of the sources, even when the rest has changed or does not compile. */
export function generatorIsBuilt() {
  if (!existsSync(GENERATOR_STAMP)) return false
  return readFileSync(GENERATOR_STAMP, 'utf8') === fingerprint(list(at('generator')))
}

function list(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => path.join(entry.parentPath, entry.name))
    .sort()
}

function fingerprint(inputs) {
  const hash = createHash('sha256')
  for (const file of [...CONFIG.map(name => at(name)), ...inputs]) {
    hash.update(path.relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0')
  }
  return hash.digest('hex')
}

/** What `input` becomes below `dist`; copies it when it is not for the compiler. */
function emit(input) {
  const target = at('dist', path.relative(ROOT, input))
  if (input.endsWith('.ts') && !input.endsWith('.d.ts')) {
    const stem = target.slice(0, -'.ts'.length)
    return [`${stem}.js`, `${stem}.d.ts`]
  }
  mkdirSync(path.dirname(target), { recursive: true })
  cpSync(input, target)
  return [target]
}

function prune(folder, wanted) {
  for (const file of list(folder)) if (!wanted.has(file)) rmSync(file)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { setup } = await import('./setup.mjs')
  try {
    await setup()
    await build()
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
