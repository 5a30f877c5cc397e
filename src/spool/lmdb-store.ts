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
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Database, Key, RootDatabase } from 'lmdb'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'

/** Keys and bytes, in the order of the keys. */
export type Table = Database<Buffer, Key>

/** Puts and removes, of one transaction. One that throws must do so at its first put or remove. */
type Change = () => unknown

/** What changes threw. */
type Refused = ReadonlyMap<Change, unknown>

/** Changes that one transaction makes. */
interface Batch {
  readonly changes: Change[]
  /** Bytes claimed for them. */
  room: number
  /** Settles with the transaction. */
  readonly done: Promise<Refused>
  readonly settle: (done: Promise<Refused>) => void
}

const TABLES = ['entries', 'done', 'dead', 'held', 'damaged'] as const

/** Bytes that one extension of the file claims. */
const STEP = 4 * 1024 * 1024
/** Changes of one transaction at most: lmdb is known to dislike very many at once. */
const BATCH_MAX = 2_048
/** Bytes of the pages that one change may copy. */
const PATH_BYTES = 32 * 1024
const DOT = Buffer.from('.')
const NONE: Refused = new Map()

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
 * Changes of one turn of the event loop share one transaction, so that many messages cost one sync. It is made by lmdb's
 * own thread. Only two short writes hold up everybody: a byte before each transaction, and a step of the file now and
 * then; neither is synced.
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
  /** Waiting for their turn: there is one transaction at a time. */
  readonly #batches: Batch[] = []
  /** Settles when nothing waits any more; undefined while nothing does. */
  #writing: Promise<void> | undefined
  #claimed = 0
  /** Bytes that are in use, or will be. */
  #used = 0
  /** The part of it that is not on disk yet. */
  #underWay = 0
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
   * @throws WgrokError `spool-full` when the disk has no room for it, `spool-failed` when it cannot be written to,
   *   `closed`; `internal` when the change itself throws.
   */
  write(change: Change, bytes: number): Promise<void> {
    // Each change may copy a path of pages in every table before the old ones are free again.
    const room = bytes === 0 ? 0 : bytes + PATH_BYTES
    try {
      this.#claim(room)
    } catch (error) {
      return Promise.reject(error)
    }
    const last = this.#batches.at(-1)
    const batch = last !== undefined && last.changes.length < BATCH_MAX ? last : this.#openBatch()
    batch.changes.push(change)
    batch.room += room
    return batch.done.then(refused => {
      if (refused.has(change)) throw WgrokError.from(refused.get(change))
    })
  }

  /** Writes what is pending, then closes. What comes later is refused. */
  async close(): Promise<void> {
    // A write that began later would find its files closed, or somebody else's in their place.
    this.#failure ??= new WgrokError('closed', 'the spool is closed')
    await this.#writing
    if (this.#probeFile !== undefined) closeSync(this.#probeFile)
    await this.#root.close()
  }

  #claim(room: number): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#used += room
    this.#underWay += room
    while (room > 0 && this.#claimed - this.#used < LIMITS.spoolReserve) {
      try {
        this.#extend()
      } catch (error) {
        this.#used -= room
        this.#underWay -= room
        throw error
      }
    }
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
    this.#used = (lastPageNumber + 1) * pageSize + this.#underWay
  }

  #openBatch(): Batch {
    let settle: Batch['settle'] = () => {}
    const done = new Promise<Refused>(resolve => {
      settle = resolve
    })
    const batch: Batch = { changes: [], room: 0, done, settle }
    this.#batches.push(batch)
    this.#writing ??= turn().then(() => this.#write())
    return batch
  }

  /** One transaction after the other; what comes meanwhile shares the next one. */
  async #write(): Promise<void> {
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      const done = this.#commit(batch.changes)
      batch.settle(done)
      await done.catch(() => {})
      this.#underWay -= batch.room
    }
    this.#writing = undefined
  }

  async #commit(changes: readonly Change[]): Promise<Refused> {
    try {
      // Does the disk take writes at all? The same byte over and over, since lmdb had better not find out itself.
      if (this.#probeFile !== undefined) writeSync(this.#probeFile, DOT, 0, 1, 0)
    } catch (error) {
      throw failedError(error)
    }
    let refused = NONE
    let written: unknown
    // What is put in one turn of the event loop is one transaction, and has one promise.
    for (const change of changes) {
      try {
        written = change()
      } catch (error) {
        // Nothing of it has reached lmdb: the others go on.
        refused = new Map(refused).set(change, error)
      }
    }
    try {
      await written
      return refused
    } catch (error) {
      // Nobody knows what lmdb holds in memory now: read what is there, write no more.
      this.#failure = failedError(await causeOf(error))
      throw this.#failure
    }
  }
}

/** What lmdb says about a failed commit, it says later. */
async function causeOf(error: unknown): Promise<unknown> {
  const cause: unknown = (error as { readonly commitError?: unknown } | null)?.commitError
  return cause instanceof Promise ? await cause.catch(late => late) : error
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
