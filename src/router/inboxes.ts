import { LIMITS } from '../../generated/limits.js'
import { ExpiringMap } from '../bus/expiring-map.js'
import type { Clock } from '../clock.js'
import type { Destination } from './destination.js'

/**
 * Remembers for a while which conversation an inbox (`slug~nonce`) spoke from, so that the answer to a request finds
 * its way back in every mode.
 */
export class Inboxes {
  readonly #places: ExpiringMap<Destination>

  constructor(clock: Clock) {
    this.#places = new ExpiringMap({ ttl: LIMITS.inboxTtl, max: LIMITS.inboxMax, clock })
  }

  get size(): number {
    return this.#places.size
  }

  /**
   * Remembers where the inbox `from` spoke from. False when it is known from somewhere else: whoever saw the nonce could
   * otherwise turn the answer to himself.
   */
  remember(from: string, place: Destination): boolean {
    const known = this.#places.get(from)
    if (known !== undefined && known.lane !== place.lane) return false
    this.#places.set(from, place)
    return true
  }

  place(to: string): Destination | undefined {
    return this.#places.get(to)
  }
}
