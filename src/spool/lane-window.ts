import { Deque } from './deque.js'
import type { SpoolEntry } from './spool.js'

/** An entry with its place. */
export interface Placed {
  readonly seq: number
  readonly entry: SpoolEntry
  /** Bytes on disk. */
  readonly size: number
}

/** A part of a lane as it stands on disk. */
export interface Page {
  readonly entries: readonly Placed[]
  /** Whether nothing comes after. */
  readonly last: boolean
}

/**
 * What a durable spool keeps in memory of one lane: how much waits, and its first few entries. The rest stays on disk
 * until its turn comes.
 */
export class LaneWindow {
  /** Entries that wait, the lent one included. */
  count = 0
  #lent: Placed | undefined
  #returned: Placed | undefined
  readonly #loaded = new Deque<Placed>()
  #bytes = 0
  /** Whether nothing waits on disk beyond what is loaded. */
  #whole = true
  #first: number | undefined
  /** Everything up to this place has been loaded. */
  #upTo = 0

  /** Bytes of the entries in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Place of the first entry ever lent. */
  get first(): number | undefined {
    return this.#first
  }

  get lent(): Placed | undefined {
    return this.#lent
  }

  /** Notes an entry that was just written; with `keep`, it stays in memory if everything before it is there too. */
  add(placed: Placed, keep: boolean): void {
    this.count++
    // A page may have been read between the write and this.
    if (placed.seq <= this.#upTo) return
    if (this.#whole && keep) this.#load(placed)
    else this.#whole = false
  }

  /** Notes an entry that was on disk before the start. */
  found(): void {
    this.count++
    this.#whole = false
  }

  /** Lends the next entry. `read` gets a page that begins after a place. */
  lend(read: (after: number) => Page): Placed | undefined {
    if (this.#returned === undefined && this.#loaded.length === 0 && !this.#whole) {
      const { entries, last } = read(this.#upTo)
      for (const placed of entries) this.#load(placed)
      this.#whole = last
    }
    this.#lent = this.#returned ?? this.#loaded.shift()
    this.#returned = undefined
    this.#first ??= this.#lent?.seq
    this.#bytes -= this.#lent?.size ?? 0
    return this.#lent
  }

  /** The lent entry becomes the next one again. */
  giveBack(): void {
    this.#returned = this.#lent
    this.#bytes += this.#lent?.size ?? 0
    this.#lent = undefined
  }

  /** The lent entry is gone. */
  settle(): void {
    this.#lent = undefined
    this.count--
  }

  #load(placed: Placed): void {
    this.#loaded.push(placed)
    this.#bytes += placed.size
    this.#upTo = placed.seq
  }
}
