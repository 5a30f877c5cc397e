import { fork } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from '../scripts/build.mjs'
import { npm } from '../scripts/lib/run.mjs'
import { setup } from '../scripts/setup.mjs'
import { chart } from './lib/chart.mjs'
import { CACHE } from './lib/place.mjs'
import { table } from './lib/report.mjs'

/** In the order of the table. Each is a module in `rows/`, run in a process of its own. */
const ROWS = [
  'frame',
  'codec',
  'packing',
  'allowlist',
  'validators',
  'router',
  'receiver',
  'bridge',
  'webhook',
  'lmdb',
  'jetstream',
  'idle',
  'footprint',
  'generator',
]
const HERE = path.dirname(fileURLToPath(import.meta.url))
const USAGE = `usage: npm run bench -- [--quick] [--only ROW[,ROW]]\nrows: ${ROWS.join(' ')}\n`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const wanted = values.only?.split(',') ?? ROWS
if (values.help || wanted.some(name => !ROWS.includes(name))) {
  process.stdout.write(USAGE)
  process.exit(values.help ? 0 : 2)
}

const started = Date.now()
try {
  await setup()
  await build()
  await peers()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(3)
}
const results = []
for (const [index, name] of wanted.entries()) {
  progress(`${index + 1}/${wanted.length} ${name}`)
  results.push(await measure(name))
}
progress('')
const seconds = Math.round((Date.now() - started) / 1000)
const machine = `${os.availableParallelism()} cores, Node ${process.versions.node}, ${seconds} s`
const report = { quick: values.quick, machine, rows: results }
console.log(`${table(results)}\n\n${machine}`)
keep(report)
// What was not reached is a result. Only what could not be measured is a failure.
process.exitCode = results.some(row => row.failed) ? 1 : 0

/** Installs the libraries that we are compared with, once. */
async function peers() {
  const mark = path.join(CACHE, 'installed')
  const lock = readFileSync(path.join(HERE, 'package-lock.json'), 'utf8')
  if (read(mark) === lock) return
  progress('installing the libraries to compare with')
  const { code, output } = await npm(['ci', '--prefix', HERE, '--ignore-scripts', '--no-audit', '--no-fund'])
  if (code !== 0) throw new Error(output)
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(mark, lock)
}

/** One row in a fresh process, so that no row inherits another's heap or compiled code. */
function measure(name) {
  return new Promise(resolve => {
    const child = fork(path.join(HERE, 'row.mjs'), [name, values.quick ? 'quick' : 'full'], {
      execArgv: ['--expose-gc', '--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let result
    let complaints = ''
    child.stderr.setEncoding('utf8').on('data', text => {
      complaints += text
    })
    child.on('message', message => {
      if ('progress' in message) progress(`${name}: ${message.progress}`)
      else result = message
    })
    child.once('close', code => {
      resolve(
        result ?? {
          name,
          lines: [],
          failed: true,
          skipped: `ended with ${code}: ${complaints.trim().split('\n').slice(0, 8).join(' ')}`,
        },
      )
    })
  })
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
  else if (text !== '') process.stderr.write(`${text}\n`)
}

/** A whole run renews the page, the charts and `results.json`; any other leaves them and writes JSON beside the cache. */
function keep(report) {
  const whole = !values.quick && values.only === undefined
  const file = whole ? path.join(HERE, 'results.json') : path.join(CACHE, 'results.json')
  mkdirSync(CACHE, { recursive: true })
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  console.log(path.relative(process.cwd(), file))
  if (!whole) return
  mkdirSync(path.join(HERE, 'charts'), { recursive: true })
  for (const [name, data] of report.rows.flatMap(row => Object.entries(row.charts ?? {}))) {
    writeFileSync(path.join(HERE, 'charts', `${name}.svg`), chart(data))
  }
  const page = path.join(HERE, 'README.md')
  const text = read(page) ?? ''
  const fresh = `<!-- table -->\n${table(report.rows)}\n\n${report.machine}\n<!-- /table -->`
  writeFileSync(
    page,
    text.replace(/<!-- table -->[\s\S]*<!-- \/table -->/, () => fresh),
  )
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
