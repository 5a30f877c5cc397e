import { WgrokError } from '../errors.js'
import type { Outgoing } from './outgoing.js'
import type { Peer } from './peer.js'

/** One platform that is connected. */
export interface ConnectedPlatform {
  readonly platform: string
  /** Registered connections. */
  readonly connections: number
  /** What at least one of them can show. */
  readonly capabilities: readonly string[]
}

/** Who is registered under which platform name. */
export class Peers {
  readonly #byPlatform = new Map<string, Set<Peer>>()

  add(peer: Peer): void {
    const peers = this.#byPlatform.get(peer.platform)
    if (peers === undefined) this.#byPlatform.set(peer.platform, new Set([peer]))
    else peers.add(peer)
  }

  remove(peer: Peer): void {
    const peers = this.#byPlatform.get(peer.platform)
    peers?.delete(peer)
    if (peers?.size === 0) this.#byPlatform.delete(peer.platform)
  }

  /** All peers of one platform. */
  of(platform: string): ReadonlySet<Peer> {
    return this.#byPlatform.get(platform) ?? NOBODY
  }

  /** Everybody. */
  *[Symbol.iterator](): Generator<Peer> {
    for (const peers of this.#byPlatform.values()) yield* peers
  }

  list(): readonly ConnectedPlatform[] {
    return [...this.#byPlatform].map(([platform, peers]) => ({
      platform,
      connections: peers.size,
      capabilities: [...new Set([...peers].flatMap(peer => [...peer.capabilities]))],
    }))
  }
}

const NOBODY: ReadonlySet<Peer> = new Set()

/**
 * Sends to every peer; resolves as soon as one has taken it, so that a slow one holds up nobody.
 *
 * @throws WgrokError of the first peer when none takes it.
 */
export async function broadcast(peers: Iterable<Peer>, outgoing: Outgoing, limit: number): Promise<void> {
  const sends = [...peers].map(peer => peer.send(outgoing, limit))
  try {
    await Promise.any(sends)
  } catch (error) {
    throw error instanceof AggregateError ? WgrokError.from(error.errors[0], 'connection-lost') : error
  }
}
