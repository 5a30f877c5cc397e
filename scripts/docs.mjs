import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { at, ROOT } from './lib/root.mjs'
import { npm } from './lib/run.mjs'

/** Pinned, since the bytes of the output depend on them. Newer generators need Node 24. */
const PACKAGES = { '@asyncapi/generator': '2.11.0', '@asyncapi/html-template': '3.5.6' }
/** Not part of the install: 380 MB for a page that few people build. */
const TOOLS = at('node_modules', '.cache', 'wgrok-docs')
const OUT = at('docs', 'html')

const started = Date.now()
try {
  await fetchTools()
  await render()
} catch (error) {
  process.stderr.write(`${error.stack ?? error}\n`)
  process.exit(1)
}
const seconds = ((Date.now() - started) / 1000).toFixed(1)
console.log(`${path.relative(ROOT, path.join(OUT, 'index.html'))} written in ${seconds} s`)

/** Installs the generator and the template into a folder of their own, unless the pinned versions are there. */
async function fetchTools() {
  if (Object.entries(PACKAGES).every(([name, version]) => installedVersion(name) === version)) return
  process.stderr.write('fetching the HTML generator, about half a minute ...\n')
  rmSync(TOOLS, { recursive: true, force: true })
  mkdirSync(TOOLS, { recursive: true })
  writeFileSync(path.join(TOOLS, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }, null, 2))
  // The template depends on puppeteer for PDF output, which we do not make: its browser must not be downloaded.
  const env = { PUPPETEER_SKIP_DOWNLOAD: '1' }
  const { code, output } = await npm(['install', '--prefix', TOOLS, '--ignore-scripts', '--no-audit', '--no-fund'], {
    env,
  })
  if (code !== 0) throw new Error(`npm could not fetch the HTML generator\n${output}`)
}

function installedVersion(name) {
  const file = path.join(TOOLS, 'node_modules', name, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined
}

/** Writes the reference of asyncapi.yaml into docs/html. */
async function render() {
  const require = createRequire(path.join(TOOLS, 'package.json'))
  const Generator = require('@asyncapi/generator')
  const template = path.join(TOOLS, 'node_modules', '@asyncapi', 'html-template')
  rmSync(OUT, { recursive: true, force: true })
  const generator = new Generator(template, OUT, { forceWrite: true, install: false })
  await generator.generateFromFile(at('asyncapi.yaml'))
}
