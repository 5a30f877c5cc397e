import { generatorIsBuilt } from './build.mjs'
import { setup } from './setup.mjs'

const args = process.argv.slice(2)
// This repository's own generated texts. Somebody else's document must not end up in them.
const own = !args.some(arg => /^--(spec|out)\b/.test(arg))
if (own) process.argv.push('--env', '.env.example', '--inject', 'README.md')

try {
  await setup()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(3)
}
// The compiled one starts a second sooner. It cannot be built here: a spec edit may be what makes `src` compile again.
if (generatorIsBuilt()) {
  await import('../dist/generator/main.js')
} else {
  const { register } = await import('tsx/esm/api')
  register()
  await import('../generator/main.ts')
}
