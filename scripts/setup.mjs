import { createHash } from 'node:crypto'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { exclusively } from './lib/lock.mjs'
import { at } from './lib/root.mjs'
import { npm } from './lib/run.mjs'

const STAMP = at('node_modules', '.wgrok-setup')
const LOCK_FILE = at('package-lock.json')
const OLDEST = [20, 19]

/**
 * Installs the packages of the lock file unless they are there already. Prints to stderr, so that a command which sets
 * itself up on first use keeps its stdout clean.
 *
 * @throws Error when npm fails; its output has been printed by then.
 */
export async function setup() {
  checkNode()
  if (installed()) return
  await exclusively('setup', async () => {
    if (installed()) return
    const start = Date.now()
    process.stderr.write('installing packages (npm ci), about half a minute ...\n')
    const { code, output } = await npm(['ci', '--no-audit', '--no-fund'])
    if (code !== 0) {
      process.stderr.write(output)
      throw new Error(`npm ci failed with exit code ${code}`)
    }
    writeFileSync(STAMP, lockHash())
    process.stderr.write(`installed in ${((Date.now() - start) / 1000).toFixed(0)} s\n`)
  })
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return
  throw new Error(`wgrok needs Node ${OLDEST.join('.')} or newer; this is ${process.versions.node}`)
}

/** By content where we installed, by time where somebody ran npm themselves. A half-done install has neither mark. */
function installed() {
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lockHash()) return true
  const npmMark = at('node_modules', '.package-lock.json')
  return existsSync(npmMark) && statSync(npmMark).mtimeMs >= statSync(LOCK_FILE).mtimeMs
}

function lockHash() {
  return createHash('sha256').update(readFileSync(LOCK_FILE)).digest('hex')
}
