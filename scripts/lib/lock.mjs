import { createHash } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ROOT } from './root.mjs'

/**
 * Runs `work` while no other process of this repository runs work of the same name, so that `npm start` in one terminal
 * and `npm test` in another do not install or build on top of each other. The lock of a process that died is taken over.
 */
export async function exclusively(name, work) {
  const id = createHash('sha256').update(ROOT).digest('hex').slice(0, 12)
  const lock = path.join(os.tmpdir(), `wgrok-${name}-${id}.lock`)
  while (!take(lock)) await delay(100)
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function take(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (abandoned(lock)) rmSync(lock, { force: true })
    return false
  }
}

function abandoned(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'))
    // Made this instant, and its owner is about to write its pid; or its owner never got that far.
    if (pid === 0) return Date.now() - statSync(lock).mtimeMs > 5_000
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}
