import { LIMITS } from '../../generated/limits.js'
import { ExpiringMap } from '../bus/expiring-map.js'
import type { Clock } from '../clock.js'
import { inboxOwner } from '../frame/slug.js'
import type { Address } from '../protocol.js'
import { addressKey } from '../transport/address.js'

/** Where an inbox is to be reached. */
export interface InboxPlace {
  readonly address: Address
  readonly mention: Address | undefined
  readonly via: string | undefined
}

/**
 * Remembers for a while which conversation an inbox (`slug~nonce`) spoke from, so that the answer to a request finds
 * its way back in every mode.
 */
export class Inboxes {
  readonly #places: ExpiringMap<InboxPlace>

  constructor(clock: Clock) {
    this.#places = new ExpiringMap({ ttl: LIMITS.inboxTtl, max: LIMITS.inboxMax, clock })
  }

  get size(): number {
    return this.#places.size
  }

  /**
   * Remembers where `from` spoke from. False when it is known from somewhere else: whoever saw the nonce could
   * otherwise turn the answer to himself.
   */
  remember(from: string, place: InboxPlace): boolean {
    if (inboxOwner(from) === undefined) return true
    const known = this.#places.get(from)
    if (known !== undefined && addressKey(known.address) !== addressKey(place.address)) return false
    this.#places.set(from, place)
    return true
  }

  place(to: string): InboxPlace | undefined {
    return this.#places.get(to)
  }
}
