import { WgrokError } from '../errors.js'
import { inboxOwner } from '../frame/slug.js'
import type { Address, Platform } from '../protocol.js'
import { formatAddress, parseAddress } from '../transport/address.js'
import { type Destination, destinationAt } from './destination.js'

/** Registered agents: which slug is spoken to where. */
export class Registry {
  readonly #routes: ReadonlyMap<string, Destination>

  /**
   * @param routes slug to target text, `[platform:][kind:]id`.
   * @param platforms those that the router has an account on; absent, every platform will do.
   * @throws WgrokError `config-invalid` naming the slug whose target makes no sense or cannot be reached.
   */
  constructor(routes: Readonly<Record<string, string>>, platforms?: ReadonlySet<Platform>) {
    this.#routes = new Map(
      Object.entries(routes).map(([slug, target]) => [slug, destinationAt(readTarget(slug, target, platforms))]),
    )
  }

  get size(): number {
    return this.#routes.size
  }

  /** Where exactly this slug is registered. */
  get(slug: string): Destination | undefined {
    return this.#routes.get(slug)
  }

  /** The place of a registered slug. An inbox of a registered slug answers for its owner. */
  resolve(slug: string): Destination | undefined {
    const destination = this.#routes.get(slug)
    if (destination !== undefined) return destination
    const owner = inboxOwner(slug)
    return owner === undefined ? undefined : this.#routes.get(owner)
  }

  /** Slug and target text of every route. */
  entries(): readonly (readonly [slug: string, target: string])[] {
    return [...this.#routes].map(([slug, { to }]) => [slug, formatAddress(to)] as const)
  }
}

function readTarget(slug: string, target: string, platforms: ReadonlySet<Platform> | undefined): Address {
  let address: Address
  try {
    address = parseAddress(target)
  } catch (error) {
    const detail = WgrokError.from(error).message
    throw new WgrokError('config-invalid', `WGROK_ROUTES: the target of ${slug} is unusable: ${detail}`, {
      cause: error,
    })
  }
  if (platforms !== undefined && !platforms.has(address.platform)) {
    throw new WgrokError(
      'config-invalid',
      `WGROK_ROUTES: ${slug} is on ${address.platform}, but the router has no ${address.platform} token`,
    )
  }
  return address
}
