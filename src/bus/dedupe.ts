import { LIMITS } from '../../generated/limits.js'
import type { Clock } from '../clock.js'
import type { Platform } from '../protocol.js'
import { ExpiringMap } from './expiring-map.js'

/** Options of a {@link Dedupe}. */
export interface DedupeOptions {
  /** Default `LIMITS.dedupeTtl`, in ms. */
  readonly ttl?: number
  /** Ids remembered at most per platform. Default `LIMITS.dedupeMax`. */
  readonly max?: number
  readonly clock?: Clock
}

/**
 * Remembers which messages were seen, by platform and the platform's own id: platforms repeat messages after a
 * reconnect, and several accounts of ours hear the same message in one room.
 */
export class Dedupe {
  readonly #options: DedupeOptions
  readonly #seen = new Map<string, ExpiringMap<true>>()

  constructor(options: DedupeOptions = {}) {
    this.#options = options
  }

  /** Ids remembered. */
  get size(): number {
    let size = 0
    for (const ids of this.#seen.values()) size += ids.size
    return size
  }

  /** True the first time that an id comes by, false for as long as it is remembered. */
  first(source: Platform | 'webhook', id: string): boolean {
    const ids = this.#ids(source)
    if (ids.has(id)) return false
    ids.set(id, true)
    return true
  }

  /** Lets an id pass again, since what came with it was refused. */
  forget(source: Platform | 'webhook', id: string): void {
    this.#ids(source).delete(id)
  }

  #ids(source: string): ExpiringMap<true> {
    let ids = this.#seen.get(source)
    if (ids === undefined) {
      const { ttl = LIMITS.dedupeTtl, max = LIMITS.dedupeMax, clock } = this.#options
      ids = new ExpiringMap({ ttl, max, ...(clock === undefined ? {} : { clock }) })
      this.#seen.set(source, ids)
    }
    return ids
  }
}
