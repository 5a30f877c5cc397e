import type { Clock } from '../clock.js'

/** Options of {@link RecentIds}. */
export interface RecentIdsOptions {
  /** How long an id is remembered at least, in ms; twice that at most. */
  readonly ttl: number
  /** Ids remembered at most; of the newest, half as many are never forgotten before their time. */
  readonly max: number
  readonly clock: Clock
}

/**
 * A bounded memory for ids.
 *
 * It has two generations. The old one is dropped as a whole when the young one is full or has had its time, so that
 * nothing is ever taken out of a set one by one: that costs more than all the rest of a message's way in.
 */
export class RecentIds {
  readonly #ttl: number
  readonly #half: number
  readonly #clock: Clock
  #young = new Set<string>()
  #old = new Set<string>()
  /** When the young generation began, in ms since 1970. */
  #since: number

  constructor(options: RecentIdsOptions) {
    this.#ttl = options.ttl
    this.#half = Math.max(1, Math.floor(options.max / 2))
    this.#clock = options.clock
    this.#since = options.clock.now()
  }

  /** Ids remembered. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** True the first time that an id comes by, false for as long as it is remembered. */
  first(id: string): boolean {
    const now = this.#clock.now()
    if (now - this.#since >= this.#ttl || this.#young.size >= this.#half) this.#turn(now)
    if (this.#old.has(id)) return false
    // One look-up where `has` and `add` would be two.
    const { size } = this.#young
    return this.#young.add(id).size > size
  }

  /** Lets an id pass again. */
  forget(id: string): void {
    this.#young.delete(id)
    this.#old.delete(id)
  }

  #turn(now: number): void {
    // After a long silence the young ones have had their time as well.
    this.#old = now - this.#since >= 2 * this.#ttl ? new Set() : this.#young
    this.#young = new Set()
    this.#since = now
  }
}
