import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { npm } from '../../scripts/lib/run.mjs'
import { compare, median } from '../lib/measure.mjs'
import { CACHE } from '../lib/place.mjs'
import { number, size } from '../lib/report.mjs'

const execute = promisify(execFile)
const PEERS = { '@slack/bolt': '5.1.0', 'discord.js': '14.28.1' }
const REACH = { most: 1 }

/** What a user gets with `npm install`: packages, bytes, and the time until the first line of his own code runs. */
export async function run({ quick, progress }) {
  progress('installing wgrok as its users do')
  const packages = { wgrok: await installOurs() }
  for (const [name, version] of Object.entries(PEERS)) {
    progress(`installing ${name}`)
    packages[name] = await install(name, `${name}@${version}`)
  }
  const found = Object.fromEntries(Object.entries(packages).map(([name, folder]) => [name, weigh(folder)]))
  const times = Object.fromEntries(Object.keys(packages).map(name => [name, []]))
  for (let round = 0; round < (quick ? 2 : 11); round++) {
    progress(`import time, round ${round + 1}`)
    for (const [name, folder] of Object.entries(packages)) times[name].push(await importTime(name, folder))
  }
  const { bytes, count } = found.wgrok
  const lines = Object.keys(PEERS).flatMap(name => {
    const peer = found[name]
    const ms = `${number(median(times.wgrok))} ms, ${name} ${number(median(times[name]))} ms`
    return [
      { what: `import time against ${name}`, ...compare(times.wgrok, times[name]), reach: REACH, detail: ms },
      {
        what: `installed size against ${name}`,
        ratio: bytes / peer.bytes,
        reach: REACH,
        detail: `${size(bytes)}, ${size(peer.bytes)}`,
      },
      { what: `packages against ${name}`, ratio: count / peer.count, reach: REACH, detail: `${count}, ${peer.count}` },
    ]
  })
  return { lines }
}

/** Packed anew each time: it is this build that is weighed. */
async function installOurs() {
  const folder = path.join(CACHE, 'footprint', 'wgrok')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { code, output } = await npm(['pack', '--ignore-scripts', '--pack-destination', folder])
  if (code !== 0) throw new Error(output)
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))
  return await install('wgrok', path.join(folder, tarball))
}

async function install(name, what) {
  const folder = path.join(CACHE, 'footprint', name.replace('/', '-'))
  const mark = path.join(folder, '.done')
  if (existsSync(mark)) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  const { code, output } = await npm([
    'install',
    what,
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
  ])
  if (code !== 0) throw new Error(output)
  writeFileSync(mark, what)
  return folder
}

/** Bytes of all files, and packages, a package inside another one counted like any. */
function weigh(folder) {
  let bytes = 0
  let count = 0
  for (const entry of readdirSync(path.join(folder, 'node_modules'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    bytes += statSync(path.join(entry.parentPath, entry.name)).size
    if (entry.name === 'package.json' && isPackage(entry.parentPath)) count++
  }
  return { bytes, count }
}

/** `node_modules/name` or `node_modules/@scope/name`, not a folder inside of a package. */
function isPackage(folder) {
  const parent = path.dirname(folder)
  const base = path.basename(parent).startsWith('@') ? path.dirname(parent) : parent
  return path.basename(base) === 'node_modules'
}

async function importTime(name, folder) {
  const code = `const start = performance.now(); await import(${JSON.stringify(name)}); process.stdout.write(String(performance.now() - start)); process.exit(0)`
  const { stdout } = await execute(process.execPath, ['--input-type=module', '-e', code], { cwd: folder })
  return Number(stdout)
}
