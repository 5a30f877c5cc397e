import { type Clock, systemClock } from '../clock.js'

interface Entry<V> {
  readonly key: string
  value: V
  expires: number
  older: Entry<V> | undefined
  newer: Entry<V> | undefined
}

/** Options of an {@link ExpiringMap}. */
export interface ExpiringMapOptions {
  /** How long an entry lives after it was set, in ms. */
  readonly ttl: number
  /** Entries held at most; the one set longest ago goes first. */
  readonly max: number
  readonly clock?: Clock
}

/**
 * A map whose entries vanish after a while and whose size is capped. Every operation is O(1) and there is no timer:
 * expired entries leave when something is set, a few at a time.
 *
 * Not built on the order of a plain `Map`: finding its first key costs a walk over all keys that were deleted before.
 */
export class ExpiringMap<V> {
  readonly #entries = new Map<string, Entry<V>>()
  readonly #ttl: number
  readonly #max: number
  readonly #clock: Clock
  #oldest: Entry<V> | undefined
  #newest: Entry<V> | undefined

  constructor(options: ExpiringMapOptions) {
    this.#ttl = options.ttl
    this.#max = options.max
    this.#clock = options.clock ?? systemClock
  }

  /** Entries held, those included that have expired but not left yet. */
  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.expires > this.#clock.now() ? entry.value : undefined
  }

  has(key: string): boolean {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.expires > this.#clock.now()
  }

  /** Sets or renews an entry: its time begins anew. */
  set(key: string, value: V): void {
    const now = this.#clock.now()
    const known = this.#entries.get(key)
    if (known !== undefined) {
      this.#unlink(known)
      known.value = value
      known.expires = now + this.#ttl
      this.#append(known)
      return
    }
    this.#evict(now)
    const entry: Entry<V> = { key, value, expires: now + this.#ttl, older: undefined, newer: undefined }
    this.#entries.set(key, entry)
    this.#append(entry)
  }

  delete(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#unlink(entry)
  }

  clear(): void {
    this.#entries.clear()
    this.#oldest = undefined
    this.#newest = undefined
  }

  /** Two per call shrink the map faster than single sets can grow it. */
  #evict(now: number): void {
    for (let left = 2; left > 0 && this.#oldest !== undefined; left--) {
      if (this.#oldest.expires > now && this.#entries.size < this.#max) return
      this.delete(this.#oldest.key)
    }
  }

  #append(entry: Entry<V>): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  #unlink(entry: Entry<V>): void {
    if (entry.older === undefined) this.#oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === undefined) this.#newest = entry.older
    else entry.newer.older = entry.older
  }
}
