import { LIMITS } from '../../generated/limits.js'
import { type Clock, systemClock } from '../clock.js'
import type { Platform } from '../protocol.js'
import { RecentIds } from './recent-ids.js'

/** Options of a {@link Dedupe}. */
export interface DedupeOptions {
  /** How long an id is remembered at least, in ms; twice that at most. Default `LIMITS.dedupeTtl`. */
  readonly ttl?: number
  /** Ids remembered at most per platform; of the newest, half as many are never forgotten before their time. Default `LIMITS.dedupeMax`. */
  readonly max?: number
  readonly clock?: Clock
}

/** Where an id comes from; equal ids of two platforms are two messages. */
export type DedupeSource = Platform | 'webhook'

/**
 * Remembers which messages were seen, by platform and the platform's own id: platforms repeat messages after a
 * reconnect, and several accounts of ours hear the same message in one room.
 */
export class Dedupe {
  readonly #options: DedupeOptions
  readonly #sources = new Map<DedupeSource, RecentIds>()

  constructor(options: DedupeOptions = {}) {
    this.#options = options
  }

  /** Ids remembered. */
  get size(): number {
    let size = 0
    for (const ids of this.#sources.values()) size += ids.size
    return size
  }

  /** True the first time that an id comes by, false for as long as it is remembered. */
  first(source: DedupeSource, id: string): boolean {
    let ids = this.#sources.get(source)
    if (ids === undefined) {
      const { clock = systemClock, max = LIMITS.dedupeMax, ttl = LIMITS.dedupeTtl } = this.#options
      ids = new RecentIds({ ttl, max, clock })
      this.#sources.set(source, ids)
    }
    return ids.first(id)
  }

  /** Lets an id pass again, since what came with it was refused. */
  forget(source: DedupeSource, id: string): void {
    this.#sources.get(source)?.forget(id)
  }
}
