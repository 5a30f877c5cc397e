import { build } from './build.mjs'
import { setup } from './setup.mjs'

try {
  await setup()
  await build()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(3)
}
// In this process: a Ctrl-C or SIGTERM reaches the router without a parent that would have to pass it on.
process.argv.splice(2, 0, 'up')
await import('../bin/wgrok.js')
