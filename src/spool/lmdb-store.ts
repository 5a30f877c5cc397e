import { execFile } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Database, Key, RootDatabase } from 'lmdb'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'

/** Keys and bytes, in the order of the keys. */
export type Table = Database<Buffer, Key>

/** What one transaction does. Must not throw. */
type Change = () => void

interface Pending {
  readonly change: Change
  readonly resolve: () => void
  readonly reject: (error: WgrokError) => void
}

const TABLES = ['entries', 'done', 'dead', 'held', 'damaged'] as const

/** Bytes that one extension of the file claims. */
const STEP = 4 * 1024 * 1024
/** Bytes of the pages that one change may copy. */
const PATH_BYTES = 32 * 1024
const DOT = Buffer.from('.')

/** Reads a whole store; run in a process of its own, since a damaged file can end the process that reads it. */
const PROBE = `
const { open } = await import(process.argv[1])
const root = open({ path: process.argv[2], noSubdir: false, maxDbs: ${TABLES.length}, encoding: 'binary', readOnly: true })
for (const name of ${JSON.stringify(TABLES)}) {
  const table = root.openDB({ name, encoding: 'binary' })
  if (table) for (const { value } of table.getRange({})) value.length
}
process.exit(0)
`

/**
 * An lmdb environment that is always synced and never runs into a full disk: lmdb itself does not survive that, so the
 * space is claimed first, by us, and a write that could not be served is refused before lmdb hears of it.
 *
 * Changes of one turn of the event loop share one transaction, so that many messages cost one sync.
 */
export class LmdbStore {
  readonly entries: Table
  readonly done: Table
  readonly dead: Table
  readonly held: Table
  readonly damaged: Table
  readonly #root: RootDatabase<Buffer, Key>
  readonly #file: string
  readonly #probeFile: number | undefined
  #pending: Pending[] = []
  #scheduled = false
  #claimed = 0
  #used = 0
  #failure: WgrokError | undefined

  private constructor(root: RootDatabase<Buffer, Key>, dir: string, failure: WgrokError | undefined) {
    const table = (name: (typeof TABLES)[number]): Table => root.openDB<Buffer, Key>({ name, encoding: 'binary' })
    this.#root = root
    this.#file = join(dir, 'data.mdb')
    this.#failure = failure
    this.entries = table('entries')
    this.done = table('done')
    this.dead = table('dead')
    this.held = table('held')
    this.damaged = table('damaged')
    this.#probeFile = failure === undefined ? openSync(join(dir, 'probe'), 'r+') : undefined
    this.#claimed = statSync(this.#file).size
    this.#measure()
  }

  /**
   * Opens the store in `dir/spool`. One that cannot be read is renamed to `spool.damaged-<time>`, reported, and an empty
   * one takes its place. One that cannot be written to is opened for reading: what it holds can still be delivered.
   *
   * @throws WgrokError `dependency-missing`; `spool-failed` when there is nothing to read either.
   */
  static async open(dir: string, logger: Logger): Promise<LmdbStore> {
    const { open } = await import('lmdb').catch(error => {
      throw new WgrokError('dependency-missing', 'WGROK_STATE_DIR needs the package lmdb: npm install lmdb', {
        cause: error,
      })
    })
    const path = join(dir, 'spool')
    const readOnly = writeFailure(path)
    const exists = existsSync(join(path, 'data.mdb'))
    if (readOnly !== undefined && !exists) throw readOnly
    if (exists && !(await isReadable(path))) setAside(path, logger)
    const options = {
      path,
      noSubdir: false,
      maxDbs: TABLES.length,
      encoding: 'binary',
      overlappingSync: false,
    } as const
    const root = open<Buffer, Key>({ ...options, readOnly: readOnly !== undefined })
    if (readOnly !== undefined)
      logger.error('the spool can only be read: new messages are refused', { error: readOnly })
    return new LmdbStore(root, path, readOnly)
  }

  /** Why nothing can be written; undefined while all is well. */
  get failure(): WgrokError | undefined {
    return this.#failure
  }

  /**
   * Resolves when the change is on disk.
   *
   * @param bytes roughly what it adds; 0 for one that only takes away, which also works on a full disk.
   * @throws WgrokError `spool-full` when the disk has no room for it, `spool-failed` when it cannot be written to.
   */
  write(change: Change, bytes: number): Promise<void> {
    try {
      this.#prepare(bytes)
    } catch (error) {
      return Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ change, resolve, reject })
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => this.#commit())
    })
  }

  /** Writes what is pending, then closes. */
  async close(): Promise<void> {
    this.#commit()
    if (this.#probeFile !== undefined) closeSync(this.#probeFile)
    await this.#root.close()
  }

  /** Claims room for what a change adds. */
  #prepare(bytes: number): void {
    if (this.#failure !== undefined) throw this.#failure
    if (bytes === 0) return
    // Each change may copy a path of pages in every table before the old ones are free again.
    this.#used += bytes + PATH_BYTES
    while (this.#claimed - this.#used < LIMITS.spoolReserve) this.#extend()
  }

  #extend(): void {
    this.#measure()
    if (this.#claimed - this.#used >= LIMITS.spoolReserve) return
    const file = openSync(this.#file, 'r+')
    try {
      const size = fstatSync(file).size
      const written = writeSync(file, Buffer.alloc(STEP), 0, STEP, size)
      this.#claimed = size + written
      if (written < STEP) throw new WgrokError('spool-full', 'the disk of the state directory is full')
    } catch (error) {
      throw fullError(error)
    } finally {
      closeSync(file)
    }
  }

  /** Takes the real figures in place of the estimate. */
  #measure(): void {
    const { lastPageNumber, pageSize } = this.#root.getStats() as { lastPageNumber: number; pageSize: number }
    this.#used = (lastPageNumber + 1) * pageSize
  }

  #commit(): void {
    this.#scheduled = false
    const pending = this.#pending
    if (pending.length === 0) return
    this.#pending = []
    try {
      // Does the disk take writes at all? The same byte over and over, since lmdb had better not find out itself.
      if (this.#probeFile !== undefined) writeSync(this.#probeFile, DOT, 0, 1, 0)
    } catch (error) {
      for (const { reject } of pending) reject(failedError(error))
      return
    }
    try {
      this.#root.transactionSync(() => {
        for (const { change } of pending) change()
      })
    } catch (error) {
      // Nobody knows what lmdb holds in memory now: read what is there, write no more.
      this.#failure = failedError(error)
      for (const { reject } of pending) reject(this.#failure)
      return
    }
    for (const { resolve } of pending) resolve()
  }
}

/** Why a folder cannot be written to; undefined when it can. Makes the folder where it is missing. */
export function writeFailure(path: string): WgrokError | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    // Not emptied: on a full disk, the room of its one byte would be gone.
    const probe = openSync(join(path, 'probe'), constants.O_RDWR | constants.O_CREAT, 0o600)
    try {
      writeSync(probe, '.', 0)
    } finally {
      closeSync(probe)
    }
    return undefined
  } catch (error) {
    return failedError(error)
  }
}

async function isReadable(path: string): Promise<boolean> {
  const lmdb = import.meta.resolve('lmdb')
  try {
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', PROBE, lmdb, path])
    return true
  } catch {
    return false
  }
}

function setAside(path: string, logger: Logger): void {
  const aside = `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, '-')}`
  try {
    renameSync(path, aside)
  } catch (error) {
    throw failedError(error)
  }
  const failure = writeFailure(path)
  if (failure !== undefined) throw failure
  logger.error('the spool is damaged: it was set aside, and an empty one takes its place', { folder: aside })
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | null)?.code ?? 'unknown')
}

function failedError(error: unknown): WgrokError {
  if (error instanceof WgrokError) return error
  if (codeOf(error) === 'ENOSPC') return fullError(error)
  return new WgrokError('spool-failed', `the state directory cannot be written to: ${codeOf(error)}`, { cause: error })
}

function fullError(error: unknown): WgrokError {
  if (error instanceof WgrokError) return error
  if (!['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error))) return failedError(error)
  return new WgrokError('spool-full', 'the disk of the state directory is full', { cause: error })
}
