#!/usr/bin/env node
import { existsSync } from 'node:fs'

const built = new URL('../dist/src/cli/main.js', import.meta.url)
const script = name => new URL(`../scripts/${name}.mjs`, import.meta.url)

// A fresh clone builds itself on first use. The published package comes built, and without scripts.
if (!existsSync(built) && existsSync(script('build'))) {
  const { setup } = await import(script('setup').href)
  const { build } = await import(script('build').href)
  try {
    await setup()
    await build()
  } catch (error) {
    process.stderr.write(`wgrok: ${error.message}\n`)
    process.exit(3)
  }
}

const [{ main }, { processIo }] = await Promise.all([
  import(built.href),
  import(new URL('../dist/src/cli/io.js', import.meta.url).href),
])
process.exitCode = await main(process.argv.slice(2), processIo())
