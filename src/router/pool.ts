import { FRAME_LIMITS } from '../../generated/limits.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Address, FrameLimit, Platform } from '../protocol.js'
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
  /** Milliseconds since 1970 until which the platform asked this account to be quiet. */
  readonly quietUntil: number
  readonly status: TransportStatus
  /** Milliseconds since 1970 of the last message heard; 0 before the first. */
  readonly lastHeardAt: number
}

type Slot = { -readonly [K in keyof Account]: Account[K] }

/** Errors that another account may not run into: this one is not in the room, was banned, or its token is dead. */
const ACCOUNT_ERRORS: ReadonlySet<string> = new Set(['auth-failed', 'forbidden', 'target-not-found'])

/** Options of {@link AccountPool.send}. */
export interface PoolSendOptions extends SendOptions {
  /** Account to prefer, since it is known to be in the conversation. */
  readonly via?: string | undefined
}

/**
 * The router's accounts, several per platform. Sends go to the least busy one; an account that was told to slow down is
 * passed over while another is free.
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
   * @throws WgrokError of the transport; `unsupported` when there is no account on that platform. `rate-limited` only
   * when every account of the platform has to wait.
   */
  async send(to: Address, message: OutboundMessage, options: PoolSendOptions): Promise<Receipt> {
    const { via, ...sendOptions } = options
    const slots = this.#slots.get(to.platform)
    if (slots === undefined) throw new WgrokError('unsupported', `the router has no account on ${to.platform}`)
    const tried = new Set<Slot>()
    let failure: WgrokError | undefined
    for (let slot = this.#choose(slots, tried, via); slot !== undefined; slot = this.#choose(slots, tried, via)) {
      tried.add(slot)
      slot.busy++
      try {
        return await slot.transport.send(to, message, sendOptions)
      } catch (caught) {
        const error = WgrokError.from(caught)
        if (error.code === 'rate-limited') slot.quietUntil = this.#clock.now() + waitFor(error, 0, this.#random)
        else if (!ACCOUNT_ERRORS.has(error.code)) throw error
        // A 429 tells more about what to do next than another account's 404.
        if (failure?.code !== 'rate-limited') failure = error
      } finally {
        slot.busy--
      }
    }
    throw failure ?? new WgrokError('internal', 'no account was tried')
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.accounts().map(account => account.transport.close()))
  }

  #choose(slots: readonly Slot[], tried: ReadonlySet<Slot>, via: string | undefined): Slot | undefined {
    const now = this.#clock.now()
    let best: Slot | undefined
    for (const slot of slots) {
      if (tried.has(slot)) continue
      if (slot.name === via && slot.quietUntil <= now) return slot
      if (best === undefined || load(slot, now) < load(best, now)) best = slot
    }
    // Every account that is left has to be quiet: one failure is known already, so do not ask again now.
    return best !== undefined && tried.size > 0 && best.quietUntil > now ? undefined : best
  }
}

/** Ready accounts by sends under way, then those that must be quiet by how long. */
function load(slot: Slot, now: number): number {
  const dead = slot.status.state === 'failed' || slot.status.state === 'closed'
  return slot.busy + (slot.quietUntil > now ? 1e6 + (slot.quietUntil - now) : 0) + (dead ? 1e15 : 0)
}
