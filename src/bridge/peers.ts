import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { BridgeLimits } from './limits.js'
import type { Outgoing } from './outgoing.js'
import type { Peer, Settle } from './peer.js'
import type { TokenTable } from './tokens.js'

/** One platform that is connected. */
export interface ConnectedPlatform {
  readonly platform: string
  /** Registered connections. */
  readonly connections: number
  /** Dropped connections that may still come back and get what they missed. */
  readonly detached: number
  /** What at least one of them can show. */
  readonly capabilities: readonly string[]
}

/** Options of {@link Peers}. */
export interface PeersOptions {
  readonly limits: BridgeLimits
  readonly clock: Clock
  readonly logger: Logger
}

/** Who is registered under which platform name, and who may come back. */
export class Peers {
  readonly #options: PeersOptions
  readonly #byPlatform = new Map<string, Set<Peer>>()
  readonly #byEpoch = new Map<string, Peer>()
  /** Oldest first. */
  readonly #detached = new Map<Peer, Timer>()

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** A new peer, or one that came back. */
  add(peer: Peer): void {
    this.#detached.get(peer)?.cancel()
    this.#detached.delete(peer)
    const peers = this.#byPlatform.get(peer.platform)
    if (peers === undefined) this.#byPlatform.set(peer.platform, new Set([peer]))
    else peers.add(peer)
    if (peer.epoch !== undefined) this.#byEpoch.set(peer.epoch, peer)
  }

  /** The connection of a peer dropped: keeps its place for a while. */
  keep(peer: Peer): void {
    const { limits, clock } = this.#options
    const timer = clock.setTimeout(() => this.remove(peer), limits.resumeTtl, { unref: true })
    this.#detached.set(peer, timer)
    if (this.#detached.size <= limits.detached) return
    for (const oldest of this.#detached.keys()) {
      this.remove(oldest)
      return
    }
  }

  /** Ends a peer for good. Idempotent. @param left the peer said goodbye: what it had not read, it did not want */
  remove(peer: Peer, left = false): void {
    const peers = this.#byPlatform.get(peer.platform)
    if (peers?.delete(peer) !== true) return
    if (peers.size === 0) this.#byPlatform.delete(peer.platform)
    if (peer.epoch !== undefined) this.#byEpoch.delete(peer.epoch)
    this.#detached.get(peer)?.cancel()
    this.#detached.delete(peer)
    const lost = peer.end()
    const fields = { platform: peer.platform, connection: peer.id }
    if (lost > 0 && !left)
      this.#options.logger.warn('bridge peer never came back for what was sent', { ...fields, lost })
    else this.#options.logger.info('bridge peer gone', { ...fields, lost })
  }

  /** The peer that reads the stream of this name, on this platform. */
  byEpoch(epoch: string, platform: string): Peer | undefined {
    const peer = this.#byEpoch.get(epoch)
    return peer?.platform === platform ? peer : undefined
  }

  /** All peers of one platform. */
  of(platform: string): ReadonlySet<Peer> {
    return this.#byPlatform.get(platform) ?? NOBODY
  }

  /** Those that used the session key lately; everybody when nobody did. */
  inSession(platform: string, sessionKey: string | undefined): Iterable<Peer> {
    const peers = this.of(platform)
    if (sessionKey === undefined || peers.size < 2) return peers
    const holders = [...peers].filter(peer => peer.holds(sessionKey))
    return holders.length === 0 ? peers : holders
  }

  /** Ends those whose token is no longer valid and who have no connection to be told on. */
  expel(tokens: TokenTable): void {
    for (const peer of [...this.#detached.keys()]) {
      if (peer.proof === undefined || !tokens.holds(peer.platform, peer.proof)) this.remove(peer)
    }
  }

  list(): readonly ConnectedPlatform[] {
    return [...this.#byPlatform].map(([platform, peers]) => {
      const connections = [...peers].filter(peer => peer.attached).length
      return {
        platform,
        connections,
        detached: peers.size - connections,
        capabilities: [...new Set([...peers].flatMap(peer => [...peer.capabilities]))],
      }
    })
  }

  /** Ends everybody. */
  close(): void {
    for (const peer of [...this.#byPlatform.values()].flatMap(peers => [...peers])) this.remove(peer)
  }
}

const NOBODY: ReadonlySet<Peer> = new Set()

/**
 * Sends to every peer; done as soon as one has taken it, so that a slow one holds up nobody.
 *
 * @returns undefined when that is so at once.
 * @throws WgrokError of the first peer when none takes it.
 */
export function broadcast(peers: Iterable<Peer>, outgoing: Outgoing, settle?: Settle): Promise<void> | undefined {
  let taken = false
  const waits: Promise<void>[] = []
  for (const peer of peers) {
    const wait = peer.send(outgoing, settle)
    if (wait === undefined) taken = true
    else waits.push(wait)
  }
  if (waits.length === 0) return undefined
  const first = Promise.any(waits).catch(error => {
    throw error instanceof AggregateError ? WgrokError.from(error.errors[0], 'connection-lost') : error
  })
  if (!taken) return first
  first.catch(() => {})
  return undefined
}
