import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compare, growth, median } from '../lib/measure.mjs'
import { ROOT, shipped } from '../lib/place.mjs'
import { duration } from '../lib/report.mjs'
import { specOf } from '../lib/specs.mjs'

const REACH = { most: 2.5 }
const MAIN = path.join(ROOT, 'dist', 'generator', 'main.js')
const PARSE = fileURLToPath(new URL('../lib/parse-child.mjs', import.meta.url))
/** Channels of the grown spec at 1x. */
const BASE = 1

/** Spec to files, checked against those on disk, against the AsyncAPI parser alone on the same spec. */
export async function run({ quick, progress }) {
  const spec = path.join(ROOT, 'asyncapi.yaml')
  const check = [MAIN, '--check', '--spec', spec, '--out', path.join(ROOT, 'generated')]
  const lines = []
  // The grown specs below are processes of their own, too.
  if (!quick) {
    progress('cold')
    const cold = await rounds(7, { ours: () => command(check), parser: () => command([PARSE, spec]) })
    lines.push(line('cold process, --check of the own spec', cold))
  }
  progress('warm')
  lines.push(line('warm, the own spec', await warm(spec, quick ? 1 : 5)))
  const dir = mkdtempSync(path.join(os.tmpdir(), 'wgrok-bench-'))
  const points = { generator: [], 'parser alone': [] }
  try {
    for (const times of quick ? [1, 10] : [1, 10, 100]) {
      progress(`${times}x spec`)
      const file = path.join(dir, `spec-${times}.yaml`)
      writeFileSync(file, specOf(BASE * times))
      const out = path.join(dir, `out-${times}`)
      mkdirSync(out)
      const args = [MAIN, '--spec', file, '--out', out]
      await command(args)
      const sides = { ours: () => command([...args, '--check']), parser: () => command([PARSE, file]) }
      const figures = await rounds(quick || times === 100 ? 1 : 3, sides)
      lines.push(line(`${times}x: ${BASE * times} channels, ${BASE * times * 4} schemas`, figures))
      points.generator.push([times, median(figures.ours) / 1e6])
      points['parser alone'].push([times, median(figures.parser) / 1e6])
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  const last = points.generator.slice(-2)
  lines.push({
    what: 'growth with the spec, last step',
    ratio: growth(last),
    unit: 'exponent',
    reach: { most: 1.1 },
    detail: `the parser ${growth(points['parser alone'].slice(-2)).toFixed(2)}`,
  })
  return { lines, charts: { generator: { title: 'Generator', x: 'size of the spec', y: 'time, ms', series: points } } }
}

function line(what, figures) {
  const detail = `${duration(median(figures.ours))}, parser ${duration(median(figures.parser))}`
  return { what, ...compare(figures.ours, figures.parser), reach: REACH, detail }
}

/** What takes seconds needs no batches: one run of each side per round. */
async function rounds(count, sides) {
  const figures = Object.fromEntries(Object.keys(sides).map(name => [name, []]))
  for (let round = 0; round < count; round++) {
    for (const [name, work] of Object.entries(sides)) figures[name].push(await timed(work))
  }
  return figures
}

async function command(args) {
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 2 ** 26 })
}

/** The second and later runs of one process, as in `--watch`. */
async function warm(spec, count) {
  const { build } = await shipped('generator/pipeline.js')
  const { GeneratorThread } = await shipped('generator/thread.js')
  const { Parser } = await import('@asyncapi/parser')
  const thread = new GeneratorThread()
  const parser = new Parser()
  const text = readFileSync(spec, 'utf8')
  const { files } = await build(spec, ROOT, thread)
  // What it builds is what is on disk.
  for (const [name, content] of files) {
    if (readFileSync(path.join(ROOT, 'generated', name), 'utf8') !== content) throw new Error(`${name} differs`)
  }
  await parser.parse(text)
  const figures = await rounds(count, { ours: () => build(spec, ROOT, thread), parser: () => parser.parse(text) })
  await thread.close()
  return figures
}

async function timed(work) {
  const start = performance.now()
  await work()
  return (performance.now() - start) * 1e6
}
