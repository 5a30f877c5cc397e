import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../lib/place.mjs'

/** Relay over one JetStream. */
export async function run() {
  try {
    execFileSync('nats-server', ['--version'], { stdio: 'ignore' })
  } catch {
    return { lines: [], skipped: 'nats-server is not installed (Debian: apt-get install nats-server)' }
  }
  if (!existsSync(path.join(ROOT, 'dist', 'src', 'spool', 'nats.js'))) {
    return { lines: [], skipped: 'the build has no JetStream spool yet' }
  }
  return { lines: [], skipped: 'no benchmark of the JetStream spool is written yet' }
}
