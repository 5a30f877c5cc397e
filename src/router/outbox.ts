import { LIMITS } from '../../generated/limits.js'
import { aborted } from '../bus/scope.js'
import { type Clock, delay } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Platform } from '../protocol.js'
import type { Appended, DeathCause, Delivery, Spool, SpoolEntry } from '../spool/spool.js'
import { waitFor } from '../transport/retry.js'
import { Attempt } from './attempt.js'

/** Does the work that an entry stands for; rejects with a `WgrokError` whose `retryable` is believed. */
export type Dispatch = (entry: SpoolEntry, signal: AbortSignal) => Promise<unknown>

/** Options of an {@link Outbox}. */
export interface OutboxOptions {
  readonly spool: Spool
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /** Retries of one entry after temporary failures, at least. Default `LIMITS.retryMax`. */
  readonly retryMax?: number
  /** How long one entry is retried after temporary failures, in ms. Default `LIMITS.lanePatience`. */
  readonly patience?: number
  /** How long one attempt may take, in ms. Default `LIMITS.sendTimeout`. */
  readonly sendTimeout?: number
  /** Called after each entry left its lane. */
  readonly onSettled?: (entry: SpoolEntry, error: WgrokError | undefined) => void
}

/**
 * Empties the spool's lanes: side by side between lanes; in order, one at a time and with retries inside each. A lane
 * that is held keeps what it has.
 */
export class Outbox {
  readonly #options: OutboxOptions
  /** Lanes that are being emptied. True: something came since the lane was last seen empty. */
  readonly #active = new Map<string, boolean>()
  readonly #pumps = new Set<Promise<void>>()
  readonly #attempts = new Set<Attempt>()
  readonly #idle: Attempt[] = []
  readonly #stopping = new AbortController()
  #allHeld = false

  constructor(options: OutboxOptions) {
    this.#options = options
  }

  /** Lanes that are being emptied now. */
  get active(): number {
    return this.#active.size
  }

  /** Whether {@link holdAll} is in force. */
  get allHeld(): boolean {
    return this.#allHeld
  }

  /** Begins with what the spool holds from before. */
  async start(): Promise<void> {
    await this.#options.spool.start(lane => this.#wake(lane))
  }

  /** @throws WgrokError `spool-full`, `closed`, or what the spool throws: the entry is not accepted then. */
  accept(entry: SpoolEntry): Appended | Promise<Appended> {
    if (this.#stopping.signal.aborted) throw new WgrokError('closed', 'the router is closed')
    return this.#options.spool.append(entry)
  }

  /** Keeps a lane from being emptied. The send that is under way runs to its end. */
  hold(lane: string): void | Promise<void> {
    return this.#options.spool.hold(lane, true)
  }

  /** Lets a held lane go on. */
  async release(lane: string): Promise<void> {
    await this.#options.spool.hold(lane, false)
    this.#wake(lane)
  }

  /** Holds every lane; for maintenance of a platform or of the router. Not remembered over a restart. */
  holdAll(): void {
    this.#allHeld = true
  }

  /** Ends {@link holdAll}; lanes that are held one by one stay held. */
  async releaseAll(): Promise<void> {
    this.#allHeld = false
    for (const { lane } of await this.#options.spool.lanes()) this.#wake(lane)
  }

  /**
   * Waits until every lane that is not held is empty, at most `ms`; then stops. What is left stays in a durable spool
   * and is lost in memory. Returns how many entries are left.
   */
  async close(ms: number = LIMITS.drainTimeout): Promise<number> {
    const { clock, spool } = this.#options
    const stop = (): void => this.stop()
    const timer = clock.setTimeout(stop, ms)
    const { signal } = this.#stopping
    while (this.#pumps.size > 0 && !signal.aborted) await Promise.race([Promise.all(this.#pumps), aborted(signal)])
    timer.cancel()
    stop()
    await Promise.all(this.#pumps)
    return spool.stats().messages
  }

  /** Stops waiting in {@link close}. */
  stop(): void {
    const closed = new WgrokError('closed', 'the router is closing')
    this.#stopping.abort(closed)
    for (const attempt of this.#attempts) attempt.abort(closed)
  }

  #wake(lane: string): void {
    if (this.#active.has(lane)) {
      this.#active.set(lane, true)
      return
    }
    if (this.#rests(lane)) return
    this.#active.set(lane, false)
    const pump = this.#pump(lane).finally(() => this.#pumps.delete(pump))
    this.#pumps.add(pump)
  }

  #rests(lane: string): boolean {
    return this.#allHeld || this.#stopping.signal.aborted || this.#options.spool.isHeld(lane)
  }

  async #pump(lane: string): Promise<void> {
    const { logger, spool } = this.#options
    // What wakes a lane is still on the stack; the caller gets its answer first.
    await undefined
    try {
      while (!this.#rests(lane)) {
        this.#active.set(lane, false)
        const delivery = await spool.take(lane)
        if (delivery !== undefined) await this.#deliver(delivery)
        else if (this.#active.get(lane) !== true) break
      }
    } catch (error) {
      // Only the spool throws here. What it lent is lent again after a restart.
      logger.error('spool failed', { lane, error: WgrokError.from(error) })
    }
    this.#active.delete(lane)
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { entry } = delivery
    const { logger, onSettled } = this.#options
    try {
      await this.#attempt(entry)
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (this.#stopping.signal.aborted || error === ELSEWHERE) return void (await delivery.release())
      const cause: DeathCause = { code: error.code, detail: error.message.slice(0, 500) }
      await delivery.bury(cause)
      logger.warn('message could not be delivered', {
        code: error.code,
        lane: entry.lane,
        messageId: entry.id,
        length: entry.text.length,
        error,
      })
      onSettled?.(entry, error)
      return
    }
    const acked = delivery.ack()
    // A kill before that is on disk sends the message again. Where nobody would notice, do not wait for the disk.
    if (entry.to === undefined || !IDEMPOTENT.has(entry.to.platform)) await acked
    onSettled?.(entry, undefined)
  }

  /** Tries, and tries again after a temporary failure. The lane waits meanwhile, and no other. */
  async #attempt(entry: SpoolEntry): Promise<void> {
    const { clock, dispatch, logger } = this.#options
    const { signal: stopping } = this.#stopping
    const begun = clock.now()
    for (let failed = 0; ; failed++) {
      stopping.throwIfAborted()
      const attempt = this.#open()
      try {
        await attempt.run(signal => dispatch(entry, signal))
        return
      } catch (caught) {
        const error = attempt.failure ?? WgrokError.from(caught)
        if (stopping.aborted || this.#isFinal(error, failed, begun)) throw error
        if (this.#isElsewhere(error, entry)) throw ELSEWHERE
        const wait = this.#waitAfter(error, failed, entry)
        logger.debug('send is tried again', { code: error.code, lane: entry.lane, messageId: entry.id, wait })
        await delay(wait, stopping, clock)
      } finally {
        this.#attempts.delete(attempt)
        if (attempt.reusable && this.#idle.length < IDLE_MAX) this.#idle.push(attempt)
      }
    }
  }

  #open(): Attempt {
    const { clock, sendTimeout: ms = LIMITS.sendTimeout } = this.#options
    const attempt = this.#idle.pop() ?? new Attempt(clock, ms)
    this.#attempts.add(attempt)
    return attempt
  }

  #isFinal(error: WgrokError, failed: number, begun: number): boolean {
    const { clock, patience = LIMITS.lanePatience, retryMax = LIMITS.retryMax } = this.#options
    if (!error.retryable) return true
    if (failed < retryMax) return false
    // After a timeout nobody knows whether the message arrived: each further try may be one more copy.
    return error.code === 'timeout' || clock.now() - begun >= patience
  }

  /** Of several routers that share a spool, one whose bridge the adapter is not connected to leaves it to the others. */
  #isElsewhere(error: WgrokError, entry: SpoolEntry): boolean {
    const { spool } = this.#options
    return spool.name === 'nats' && entry.to?.platform === 'bridge' && error.code === 'platform-unavailable'
  }

  #waitAfter(error: WgrokError, failed: number, entry: SpoolEntry): number {
    const wait = waitFor(error, failed, this.#options.random)
    // Asking whether an adapter is back costs nothing, and it should not wait for what is there already.
    return entry.to?.platform === 'bridge' ? Math.min(wait, BRIDGE_WAIT_MAX) : wait
  }
}

const ELSEWHERE = new WgrokError('platform-unavailable', 'the adapter may be connected to another router')

/** Platforms that know a repeated message by its key. */
const IDEMPOTENT: ReadonlySet<Platform> = new Set(['bridge', 'discord'])

const BRIDGE_WAIT_MAX = 1_000

/** Attempts kept for the next sends: about as many as are under way at once on a busy router. */
const IDLE_MAX = 256
