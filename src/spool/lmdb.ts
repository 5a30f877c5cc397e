import type { Socket } from 'node:net'
import { LIMITS } from '../../generated/limits.js'
import { RecentIds } from '../bus/recent-ids.js'
import { type Clock, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, silent } from '../log.js'
import { LaneWindow, type Page, type Placed } from './lane-window.js'
import { idOf, pack, readDone, unpack, writeDone } from './lmdb-pack.js'
import { LmdbStore, writeFailure } from './lmdb-store.js'
import { LmdbSweep } from './lmdb-sweep.js'
import type { Appended, DeadLetter, DeathCause, Delivery, LaneStats, Spool, SpoolEntry, SpoolStats } from './spool.js'
import { StateLock } from './state-lock.js'

/** Options of {@link LmdbSpool.open}. */
export interface LmdbSpoolOptions {
  /** State directory; created when it is not there. */
  readonly dir: string
  /** Largest size of what waits, in bytes; then new messages are refused. Default 1 GiB. */
  readonly maxBytes?: number
  /** How long ids are remembered, in ms. Default `LIMITS.dedupeTtl`. */
  readonly dedupeTtl?: number
  readonly clock?: Clock
  readonly logger?: Logger
  /** Gets whoever connects to the lock of the state directory. Default: hangs up. */
  readonly onConnection?: (socket: Socket) => void
}

const MAX_BYTES = 1024 ** 3
/** Entries read from disk at a time. */
const PAGE = 128
const PAGE_BYTES = 1024 * 1024
/** Bytes of a lane or an id at most: a key of lmdb has 1,978, and a number stands in it too. */
const KEY_BYTES = 1_900

/**
 * A spool on disk, by lmdb. What was accepted survives a killed process and is never dropped: past its size, and when
 * the disk is full, new messages are refused.
 *
 * One process at a time: it holds the lock of the state directory. A directory that cannot be written to is only read
 * from: what waits there is delivered, and everything new refused.
 */
export class LmdbSpool implements Spool {
  readonly name = 'lmdb'
  readonly durable = true
  readonly #store: LmdbStore
  readonly #lock: StateLock | undefined
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #maxBytes: number
  readonly #ttl: number
  readonly #lanes = new Map<string, LaneWindow>()
  readonly #held = new Set<string>()
  /** Keys of dead letters by id, oldest first. */
  readonly #dead = new Map<string, [number, string]>()
  /** Ids of what waits and of what has left lately. */
  readonly #known: RecentIds
  /** Forgets ids of what has left. */
  readonly #sweep: LmdbSweep
  /** Appends under way, by id. */
  readonly #appending = new Map<string, Promise<Appended>>()
  /** Entries that are gone for us and still on disk: their removal is under way, or a failing disk did not take it. */
  readonly #unremoved = new Set<number>()
  #ready: (lane: string) => void = () => {}
  #seq = 0
  /**
   * Last place of the entries that were there at the start. The first of each lane may have been sent already, and is
   * lent as such. Where a failing disk did not take the removals, more may have been: those come as if they were new.
   */
  #recalled = 0
  #bytes = 0
  #windowBytes = 0
  #messages = 0
  #closing: Promise<void> | undefined

  private constructor(store: LmdbStore, lock: StateLock | undefined, options: LmdbSpoolOptions) {
    this.#store = store
    this.#lock = lock
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
    this.#maxBytes = options.maxBytes ?? MAX_BYTES
    this.#ttl = options.dedupeTtl ?? LIMITS.dedupeTtl
    this.#known = new RecentIds({ ttl: this.#ttl, max: LIMITS.dedupeMax, clock: this.#clock })
    this.#sweep = new LmdbSweep(store, this.#ttl, this.#clock, this.#logger)
  }

  /** @throws WgrokError `dependency-missing`, `spool-failed`, `spool-full`. */
  static async open(options: LmdbSpoolOptions): Promise<LmdbSpool> {
    const { dir, logger = silent, onConnection } = options
    const failure = writeFailure(dir)
    // Who cannot write needs no lock, and would get none.
    const lock = failure === undefined ? await StateLock.take(dir, onConnection) : undefined
    try {
      const spool = new LmdbSpool(await LmdbStore.open(dir, logger), lock, options)
      spool.#recall()
      spool.#sweep.run()
      return spool
    } catch (error) {
      await lock?.release()
      throw error
    }
  }

  start(ready: (lane: string) => void): void {
    this.#ready = ready
    for (const lane of [...this.#lanes.keys()]) ready(lane)
  }

  append(entry: SpoolEntry): Promise<Appended> {
    const under = this.#appending.get(entry.id)
    if (under !== undefined) return under.then(() => 'duplicate')
    const refusal = keyFailure(entry.lane) ?? keyFailure(entry.id)
    if (refusal !== undefined) return Promise.reject(refusal)
    if (!this.#known.first(entry.id)) return Promise.resolve('duplicate')
    const value = pack(entry, entry.id)
    if (this.#bytes + value.length > this.#maxBytes) {
      this.#known.forget(entry.id)
      return Promise.reject(new WgrokError('spool-full', `the spool holds its ${this.#maxBytes} bytes`))
    }
    const appending = this.#append(entry, value)
    this.#appending.set(entry.id, appending)
    return appending
  }

  take(name: string): Delivery | undefined {
    const lane = this.#lanes.get(name)
    if (lane === undefined || lane.lent !== undefined) return undefined
    const before = lane.bytes
    const placed = lane.lend(after => this.#read(name, after))
    this.#windowBytes += lane.bytes - before
    if (placed === undefined) {
      // Everything that was left turned out to be damaged.
      if (lane.count === 0) this.#drop(name, lane)
      return undefined
    }
    return {
      entry: placed.entry,
      redelivered: placed.seq <= this.#recalled && placed.seq === lane.first ? 1 : 0,
      ack: () => this.#settle(name, lane, placed, nothing, 0),
      bury: cause => this.#bury(name, lane, placed, cause),
      release: () => {
        if (lane.lent !== placed) return
        lane.giveBack()
        this.#windowBytes += placed.size
      },
    }
  }

  async hold(lane: string, held: boolean): Promise<void> {
    const refusal = keyFailure(lane)
    if (refusal !== undefined) throw refusal
    if (held) this.#held.add(lane)
    else this.#held.delete(lane)
    const { held: table } = this.#store
    await this.#store.write(() => (held ? table.put(lane, ONE) : table.remove(lane)), held ? 1 : 0)
  }

  isHeld(lane: string): boolean {
    return this.#held.has(lane)
  }

  held(): readonly string[] {
    return [...this.#held]
  }

  lanes(): readonly LaneStats[] {
    return [...this.#lanes].map(([lane, { count }]) => ({ lane, messages: count, held: this.#held.has(lane) }))
  }

  stats(): SpoolStats {
    const full = this.#bytes >= this.#maxBytes
    return {
      messages: this.#messages,
      bytes: this.#bytes,
      lanes: this.#lanes.size,
      dead: this.#dead.size,
      dropped: 0,
      refusing: this.#store.failure ?? (full ? new WgrokError('spool-full', 'the spool is full') : undefined),
    }
  }

  dead(limit: number = Number.POSITIVE_INFINITY): readonly DeadLetter[] {
    const letters: DeadLetter[] = []
    for (const key of this.#dead.values()) {
      if (letters.length >= limit) break
      const letter = unpack<DeadLetter>(this.#store.dead.get(key))
      if (letter !== undefined) letters.push(letter)
    }
    return letters
  }

  async replay(id: string): Promise<boolean> {
    const key = this.#dead.get(id)
    const letter = key === undefined ? undefined : unpack<DeadLetter>(this.#store.dead.get(key))
    if (key === undefined || letter === undefined) return false
    this.#dead.delete(id)
    const value = pack(letter.entry, id)
    return this.#draw(
      key,
      this.#append(letter.entry, value, () => this.#store.dead.remove(key)),
    )
  }

  async discard(id: string): Promise<boolean> {
    const key = this.#dead.get(id)
    if (key === undefined) return false
    this.#dead.delete(id)
    return this.#draw(
      key,
      this.#store.write(() => this.#store.dead.remove(key), 0),
    )
  }

  /** A dead letter that the disk does not let go takes its old place among the others. */
  async #draw(key: [number, string], written: Promise<unknown>): Promise<true> {
    try {
      await written
      return true
    } catch (error) {
      const keys = [...this.#dead.values(), key].sort(([a], [b]) => a - b)
      this.#dead.clear()
      for (const each of keys) this.#dead.set(each[1], each)
      throw error
    }
  }

  close(): Promise<void> {
    this.#sweep.stop()
    this.#closing ??= this.#store.close().then(() => this.#lock?.release())
    return this.#closing
  }

  /** Counts what is there from before, and learns the ids of it and of what has left. */
  #recall(): void {
    const { dead, done, entries, held } = this.#store
    for (const { key, value } of done.getRange({})) {
      this.#seq = key as number
      this.#sweep.count++
      const { id, time } = readDone(value)
      if (time > this.#clock.now() - this.#ttl) this.#known.first(id)
    }
    for (const { key, value } of entries.getRange({})) {
      const [lane, seq] = key as [string, number]
      this.#lane(lane).found()
      this.#messages++
      this.#bytes += value.length
      this.#seq = Math.max(this.#seq, seq)
      this.#known.first(idOf(value))
    }
    this.#recalled = this.#seq
    for (const lane of held.getKeys({})) this.#held.add(lane as string)
    for (const key of dead.getKeys({})) this.#dead.set((key as [number, string])[1], key as [number, string])
    if (this.#messages > 0) {
      this.#logger.info('messages wait from before', { count: this.#messages, lanes: this.#lanes.size })
    }
  }

  #append(entry: SpoolEntry, value: Buffer, also: () => unknown = nothing): Promise<Appended> {
    const seq = ++this.#seq
    const change = (): unknown => {
      also()
      return this.#store.entries.put([entry.lane, seq], value)
    }
    this.#bytes += value.length
    return this.#store.write(change, value.length).then(
      () => this.#place({ seq, entry, size: value.length }),
      error => {
        this.#bytes -= value.length
        this.#known.forget(entry.id)
        this.#appending.delete(entry.id)
        throw error
      },
    )
  }

  /** Puts an entry that is on disk now into its lane. */
  #place(placed: Placed): Appended {
    const { entry, size } = placed
    const lane = this.#lane(entry.lane)
    const before = lane.bytes
    lane.add(placed, this.#windowBytes + size <= LIMITS.spoolWindow)
    this.#windowBytes += lane.bytes - before
    this.#messages++
    this.#appending.delete(entry.id)
    this.#ready(entry.lane)
    return 'accepted'
  }

  #lane(name: string): LaneWindow {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new LaneWindow()
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #drop(name: string, lane: LaneWindow): void {
    this.#lanes.delete(name)
    // An entry that a page brought before its append was through stays behind: the lane that it founds has it again.
    this.#windowBytes -= lane.bytes
  }

  /** The next entries of a lane from disk; none only when none is left. */
  #read(name: string, after: number): Page {
    const entries: Placed[] = []
    let bytes = 0
    for (const { key, value } of this.#store.entries.getRange({ start: [name, after + 1], end: [name, END] })) {
      if (entries.length === PAGE || bytes > PAGE_BYTES) return { entries, last: false }
      const seq = (key as [string, number])[1]
      if (this.#unremoved.has(seq)) continue
      const entry = unpack<SpoolEntry>(value)
      if (entry === undefined) {
        this.#setAside(name, seq, value)
        continue
      }
      entries.push({ seq, entry, size: value.length })
      bytes += value.length
    }
    return { entries, last: true }
  }

  /** An entry that its checksum denies is kept where nobody sends it, and reported. */
  #setAside(lane: string, seq: number, value: Buffer): void {
    const raw = Buffer.from(value)
    this.#logger.error('a spooled message is damaged and was set aside', { lane, seq, length: raw.length })
    this.#forget(lane, raw.length)
    const { damaged, entries } = this.#store
    const change = (): unknown => {
      damaged.put([lane, seq], raw)
      return entries.remove([lane, seq])
    }
    this.#unremoved.add(seq)
    this.#store.write(change, raw.length).then(() => void this.#unremoved.delete(seq), nothing)
  }

  #bury(name: string, lane: LaneWindow, placed: Placed, cause: DeathCause): Promise<void> {
    const { entry } = placed
    const letter: DeadLetter = { entry, code: cause.code, detail: cause.detail, diedAt: this.#clock.now() }
    const key: [number, string] = [letter.diedAt, entry.id]
    const value = pack(letter)
    this.#dead.set(entry.id, key)
    return this.#settle(name, lane, placed, () => this.#store.dead.put(key, value), value.length)
  }

  /**
   * The lent entry leaves its lane: at once in memory, and on disk when the promise resolves. When the disk does not take
   * that, the lane goes on all the same.
   */
  #settle(name: string, lane: LaneWindow, placed: Placed, also: () => unknown, bytes: number): Promise<void> {
    if (lane.lent !== placed) return Promise.resolve()
    const { done, entries } = this.#store
    const note = writeDone(this.#clock.now(), placed.entry.id)
    const change = (): unknown => {
      also()
      entries.remove([name, placed.seq])
      return done.put(placed.seq, note)
    }
    this.#sweep.count++
    lane.settle()
    this.#messages--
    this.#bytes -= placed.size
    if (lane.count === 0 && this.#lanes.get(name) === lane) this.#drop(name, lane)
    // Until then it still stands on disk, and must not be read again.
    this.#unremoved.add(placed.seq)
    return this.#store.write(change, bytes).then(
      () => void this.#unremoved.delete(placed.seq),
      error => {
        this.#logger.error(
          'a message that was sent or buried could not be removed: it may be sent again after a restart',
          {
            lane: name,
            messageId: placed.entry.id,
            error,
          },
        )
      },
    )
  }

  #forget(lane: string, size: number): void {
    this.#messages--
    this.#bytes -= size
    this.#lane(lane).count--
  }
}

function nothing(): void {}

/** Why a text cannot be part of a key; undefined when it can. */
function keyFailure(text: string): WgrokError | undefined {
  // A unit has 3 bytes at most: nearly always, nothing has to be counted.
  if (text.length * 3 <= KEY_BYTES || Buffer.byteLength(text) <= KEY_BYTES) return undefined
  return new WgrokError('target-invalid', `the spool takes no lane or message id of more than ${KEY_BYTES} bytes`)
}

const ONE = Buffer.from([1])
const END = Number.MAX_SAFE_INTEGER
