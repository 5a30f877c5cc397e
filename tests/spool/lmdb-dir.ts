import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { LmdbSpool, type LmdbSpoolOptions } from '../../src/spool/lmdb.js'

const dirs: string[] = []
const mounts: string[] = []
afterEach(() => {
  for (const mount of mounts.splice(0)) execFileSync('umount', ['-l', mount])
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

/** A folder of its own, gone when the test is. */
export function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'wgrok-spool-'))
  dirs.push(dir)
  return dir
}

/** A spool that has been started. */
export async function open(dir: string, options: Partial<LmdbSpoolOptions> = {}): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ dir, ...options })
  spool.start(() => {})
  return spool
}

/** A small disk of its own, where the system lets us have one. */
export function mountDisk(bytes: number): string | undefined {
  const dir = newDir()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir], { stdio: 'ignore' })
    mounts.push(dir)
    return dir
  } catch {
    return undefined
  }
}

/**
 * Lets the disk of an open spool refuse every write, until the returned function is called: a file that is always full
 * takes the place of the one that every write begins with. Undefined where the system has no such file.
 */
export function fillDisk(dir: string): (() => void) | undefined {
  const probe = join(dir, 'spool/probe')
  const fd = descriptorOf(probe)
  if (fd === undefined) return undefined
  reopen(fd, '/dev/full')
  return () => reopen(fd, probe)
}

function descriptorOf(path: string): number | undefined {
  try {
    const fds = readdirSync('/proc/self/fd').filter(fd => targetOf(fd) === path)
    return fds[0] === undefined ? undefined : Number(fds[0])
  } catch {
    return undefined
  }
}

function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(join('/proc/self/fd', fd))
  } catch {
    return undefined
  }
}

/** Opens another file as a descriptor: the system gives out the lowest one that is free. */
function reopen(fd: number, path: string): void {
  const lower: number[] = []
  closeSync(fd)
  for (let opened = openSync(path, 'r+'); opened !== fd; opened = openSync(path, 'r+')) lower.push(opened)
  for (const other of lower) closeSync(other)
}
