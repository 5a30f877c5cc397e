import { FRAME_LIMITS, LIMITS } from '../../generated/limits.js'
import { ExpiringMap } from '../bus/expiring-map.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { measure } from '../frame/measure.js'
import type { Mutable } from '../mutable.js'
import type { Address, FrameLimit, Platform } from '../protocol.js'
import { addressKey } from '../transport/address.js'
import { waitFor } from '../transport/retry.js'
import type { OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from '../transport/transport.js'

/** One account of the router. */
export interface Account {
  /** Name in logs and spool entries, say `webex-1`. */
  readonly name: string
  readonly platform: Platform
  readonly transport: Transport
  /** Sends under way. */
  readonly busy: number
  /** Milliseconds since 1970 until which the platform asked this account to be quiet everywhere. */
  readonly quietUntil: number
  readonly status: TransportStatus
  /** Milliseconds since 1970 of the last message heard; 0 before the first. */
  readonly lastHeardAt: number
}

type Slot = Mutable<Account> & {
  /** As `quietUntil`, by destination. */
  readonly quietTo: ExpiringMap<number>
}

/** Destinations per account that are remembered for their limits. */
const QUIET_MAX = 10_000

/** Errors that another account may not run into: this one is not in the room, was banned, or its token is dead. */
const ACCOUNT_ERRORS: ReadonlySet<string> = new Set(['auth-failed', 'forbidden', 'target-not-found'])

/** Options of {@link AccountPool.send}. */
export interface PoolSendOptions extends SendOptions {
  /** Account to prefer, since it is known to be in the conversation. */
  readonly via?: string | undefined
}

/**
 * The router's accounts, several per platform. Sends go to the least busy one; an account that was told to slow down,
 * everywhere or at one destination, is passed over while another is free.
 */
export class AccountPool {
  readonly #slots = new Map<Platform, Slot[]>()
  readonly #clock: Clock
  readonly #random: () => number

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock
    this.#random = random
  }

  /** Platforms with at least one account. */
  get platforms(): ReadonlySet<Platform> {
    return new Set(this.#slots.keys())
  }

  /** Whether an account may hear what another one says. An account never hears itself, and an adapter says nothing twice. */
  hasSeveral(platform: Platform): boolean {
    return platform !== 'bridge' && (this.#slots.get(platform)?.length ?? 0) > 1
  }

  accounts(): readonly Account[] {
    return [...this.#slots.values()].flat()
  }

  /** Adds an account; its name is the platform and a number. */
  add(transport: Transport): Account {
    const { platform } = transport
    const slots = this.#slots.get(platform) ?? []
    this.#slots.set(platform, slots)
    const slot: Slot = {
      name: `${platform}-${slots.length + 1}`,
      platform,
      transport,
      busy: 0,
      quietUntil: 0,
      quietTo: new ExpiringMap({ ttl: LIMITS.retryAfterMax, max: QUIET_MAX, clock: this.#clock }),
      status: { state: 'connecting' },
      lastHeardAt: 0,
    }
    slots.push(slot)
    return slot
  }

  /** Largest frame of a platform, by its first account, else by the spec. */
  limitOf(platform: Platform): FrameLimit {
    return this.#slots.get(platform)?.[0]?.transport.limit ?? FRAME_LIMITS[platform]
  }

  /** Follows the account's life-cycle until it is closed. */
  async watch(account: Account, changed: (status: TransportStatus) => void): Promise<void> {
    const slot = account as Slot
    for await (const status of account.transport.status()) {
      slot.status = status
      changed(status)
    }
  }

  /** Notes that an account heard something. */
  heard(account: Account): void {
    const slot = account as Slot
    slot.lastHeardAt = this.#clock.now()
  }

  /**
   * Sends one message by one account.
   *
   * @throws WgrokError of the transport; `unsupported` when there is no account on that platform; `frame-too-large` when
   * the text is more than the platform takes. `rate-limited` only when every account of the platform has to wait.
   */
  async send(to: Address, message: OutboundMessage, options: PoolSendOptions): Promise<Receipt> {
    const slots = this.#slots.get(to.platform)
    if (slots === undefined) throw new WgrokError('unsupported', `the router has no account on ${to.platform}`)
    const tried: Slot[] = []
    let failure: WgrokError | undefined
    let slot = this.#choose(slots, tried, to, options)
    while (slot !== undefined) {
      slot.busy++
      try {
        return await slot.transport.send(to, message, options)
      } catch (caught) {
        const error = WgrokError.from(caught)
        if (error.code === 'frame-too-large') throw tooLarge(message.text, slot, error)
        if (error.code === 'rate-limited') this.#quiet(slot, to, error)
        else if (!ACCOUNT_ERRORS.has(error.code)) throw error
        // A 429 tells more about what to do next than another account's 404.
        if (failure?.code !== 'rate-limited') failure = error
      } finally {
        slot.busy--
      }
      tried.push(slot)
      slot = this.#choose(slots, tried, to, options)
    }
    throw failure ?? new WgrokError('internal', 'no account was tried')
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.accounts().map(account => account.transport.close()))
  }

  #quiet(slot: Slot, to: Address, error: WgrokError): void {
    const until = this.#clock.now() + waitFor(error, 0, this.#random)
    if (error.retryScope === 'destination') slot.quietTo.set(addressKey(to), until)
    else slot.quietUntil = until
  }

  #choose(slots: readonly Slot[], tried: readonly Slot[], to: Address, { via }: PoolSendOptions): Slot | undefined {
    const [only] = slots
    if (slots.length === 1) return tried.length === 0 ? only : undefined
    const now = this.#clock.now()
    const key = addressKey(to)
    let best: Slot | undefined
    let least = Number.POSITIVE_INFINITY
    let rest = 0
    for (const slot of slots) {
      if (tried.includes(slot)) continue
      const quiet = Math.max(slot.quietUntil, slot.quietTo.get(key) ?? 0) - now
      if (slot.name === via && quiet <= 0) return slot
      const load = loadOf(slot, quiet)
      if (best === undefined || load < least) [best, least, rest] = [slot, load, quiet]
    }
    // Every account that is left has to be quiet: one failure is known already, so do not ask again now.
    return tried.length > 0 && rest > 0 ? undefined : best
  }
}

/** Ready accounts by sends under way, then those that must be quiet by how long. */
function loadOf(slot: Slot, quiet: number): number {
  const dead = slot.status.state === 'failed' || slot.status.state === 'closed'
  return slot.busy + (quiet > 0 ? 1e6 + quiet : 0) + (dead ? 1e15 : 0)
}

/** A sender cuts frames for its own platform; the one that they are relayed to may take less. */
function tooLarge(text: string, { platform, transport: { limit } }: Slot, cause: WgrokError): WgrokError {
  const detail = `${platform} takes ${limit.size} ${limit.unit}, the frame has ${measure(text, limit)}`
  return new WgrokError('frame-too-large', `${detail}: its sender needs WGROK_VIA=${platform}`, { cause })
}
