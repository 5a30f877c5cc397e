import { LIMITS } from '../../generated/limits.js'
import { type Clock, systemClock } from '../clock.js'
import type { Platform } from '../protocol.js'

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
 *
 * Ids are kept in two generations. The old one is dropped as a whole when the young one is full or has had its time, so
 * that nothing is ever taken out of a map one by one: that costs more than all the rest of a message's way in.
 */
export class Dedupe {
  readonly #ttl: number
  readonly #half: number
  readonly #clock: Clock
  readonly #sources = new Map<DedupeSource, Generations>()

  constructor(options: DedupeOptions = {}) {
    this.#ttl = options.ttl ?? LIMITS.dedupeTtl
    this.#half = Math.max(1, Math.floor((options.max ?? LIMITS.dedupeMax) / 2))
    this.#clock = options.clock ?? systemClock
  }

  /** Ids remembered. */
  get size(): number {
    let size = 0
    for (const { old, young } of this.#sources.values()) size += old.size + young.size
    return size
  }

  /** True the first time that an id comes by, false for as long as it is remembered. */
  first(source: DedupeSource, id: string): boolean {
    const now = this.#clock.now()
    let ids = this.#sources.get(source)
    if (ids === undefined) {
      ids = { young: new Set(), old: new Set(), since: now }
      this.#sources.set(source, ids)
    }
    if (now - ids.since >= this.#ttl) this.#turn(ids, now)
    if (ids.young.has(id) || ids.old.has(id)) return false
    if (ids.young.size >= this.#half) this.#turn(ids, now)
    ids.young.add(id)
    return true
  }

  /** Lets an id pass again, since what came with it was refused. */
  forget(source: DedupeSource, id: string): void {
    const ids = this.#sources.get(source)
    ids?.young.delete(id)
    ids?.old.delete(id)
  }

  #turn(ids: Generations, now: number): void {
    // After a long silence the young ones have had their time as well.
    ids.old = now - ids.since >= 2 * this.#ttl ? new Set() : ids.young
    ids.young = new Set()
    ids.since = now
  }
}

interface Generations {
  young: Set<string>
  old: Set<string>
  /** When the young generation began, in ms since 1970. */
  since: number
}
