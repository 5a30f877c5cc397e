import { build } from './build.mjs'
import { setup } from './setup.mjs'

try {
  await setup()
  await build()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exit(3)
}
// npm runs us in a shell, and that shell keeps a signal sent to npm to itself. It is gone then: end as if it had come here.
const parent = process.ppid
const watch = setInterval(() => {
  if (process.ppid === parent) return
  clearInterval(watch)
  process.kill(process.pid, 'SIGTERM')
}, 250).unref()

// In this process: a Ctrl-C or SIGTERM reaches the router without a parent that would have to pass it on.
process.argv.splice(2, 0, 'up')
await import('../bin/wgrok.js')
