import { LIMITS } from '../../generated/limits.js'
import { abortable, aborted } from '../bus/scope.js'
import { type Clock, delay } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Platform } from '../protocol.js'
import type { Appended, Delivery, Spool, SpoolEntry } from '../spool/spool.js'
import { waitFor } from '../transport/retry.js'
import { Attempts } from './attempts.js'

/**
 * Does the work that an entry stands for; rejects with a `WgrokError` whose `retryable` is believed.
 *
 * @param maybeSent whether an earlier attempt may have arrived, unknown to the router
 */
export type Dispatch = (entry: SpoolEntry, signal: AbortSignal, maybeSent: boolean) => Promise<unknown>

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
  /** Lanes that are being emptied. */
  readonly #active = new Map<string, Pump>()
  readonly #attempts: Attempts
  readonly #stopping = new AbortController()
  #stopped = false
  #allHeld = false

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#attempts = new Attempts(options.clock, options.sendTimeout ?? LIMITS.sendTimeout)
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
    if (this.#stopped) throw new WgrokError('closed', 'the router is closed')
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
    while (this.#active.size > 0 && !signal.aborted) await Promise.race([this.#emptied(), aborted(signal)])
    timer.cancel()
    stop()
    await this.#emptied()
    return spool.stats().messages
  }

  /** Stops waiting in {@link close}. */
  stop(): void {
    const closed = new WgrokError('closed', 'the router is closing')
    this.#stopped = true
    this.#stopping.abort(closed)
    this.#attempts.abort(closed)
  }

  async #emptied(): Promise<void> {
    await Promise.all([...this.#active.values()].map(pump => pump.done))
  }

  #wake(lane: string): void {
    const active = this.#active.get(lane)
    if (active !== undefined) active.again = true
    else if (!this.#rests(lane)) {
      const pump: Pump = { again: false, done: DONE }
      this.#active.set(lane, pump)
      pump.done = this.#pump(lane, pump)
    }
  }

  #rests(lane: string): boolean {
    return this.#allHeld || this.#stopped || this.#options.spool.isHeld(lane)
  }

  async #pump(lane: string, pump: Pump): Promise<void> {
    const { logger, spool } = this.#options
    // What wakes a lane is still on the stack; the caller gets its answer first.
    await undefined
    try {
      while (!this.#rests(lane)) {
        pump.again = false
        const taken = spool.take(lane)
        const delivery = taken instanceof Promise ? await taken : taken
        if (delivery !== undefined) await this.#deliver(delivery)
        else if (!pump.again) break
      }
    } catch (error) {
      // Only the spool throws here. What it lent is lent again after a restart.
      logger.error('spool failed', { lane, error: WgrokError.from(error) })
    }
    this.#active.delete(lane)
  }

  /** Tries, and tries again after a temporary failure. The lane waits meanwhile, and no other. */
  async #deliver(delivery: Delivery): Promise<void> {
    const { entry } = delivery
    const { clock, dispatch } = this.#options
    /** When the first attempt failed. */
    let begun: number | undefined
    let maybeSent = delivery.redelivered > 0
    for (let failed = 0; !this.#stopped; failed++) {
      const error = await this.#attempts.run(signal => dispatch(entry, signal, maybeSent))
      if (error === undefined) return this.#done(delivery)
      if (this.#stopped) break
      begun ??= clock.now()
      if (this.#isFinal(error, failed, begun)) return this.#bury(delivery, error)
      if (this.#isElsewhere(error, entry)) break
      // A 429 is the only temporary failure that says clearly that nothing was sent.
      if (error.code !== 'rate-limited') maybeSent = true
      await this.#rest(error, failed, entry)
    }
    await delivery.release()
  }

  #done(delivery: Delivery): void | Promise<void> {
    const { entry } = delivery
    const { onSettled } = this.#options
    const acked = delivery.ack()
    // A kill before that is on disk sends the message again. Where nobody would notice, do not wait for the disk.
    if (acked !== undefined && (entry.to === undefined || !IDEMPOTENT.has(entry.to.platform))) {
      return acked.then(() => onSettled?.(entry, undefined))
    }
    onSettled?.(entry, undefined)
  }

  async #bury(delivery: Delivery, error: WgrokError): Promise<void> {
    const { entry } = delivery
    const { logger, onSettled } = this.#options
    const buried = Promise.resolve(delivery.bury({ code: error.code, detail: error.message.slice(0, 500) }))
    // A router that stops does not wait for a spool that is away: the message comes again.
    const isBuried = await abortable(buried, this.#stopping.signal).then(
      () => true,
      () => false,
    )
    if (!isBuried) return
    logger.warn('message could not be delivered', {
      code: error.code,
      lane: entry.lane,
      messageId: entry.id,
      length: entry.text.length,
      error,
    })
    onSettled?.(entry, error)
  }

  /** Waits before the next attempt; not to its end when the router stops. */
  async #rest(error: WgrokError, failed: number, entry: SpoolEntry): Promise<void> {
    const { clock, logger } = this.#options
    const wait = this.#waitAfter(error, failed, entry)
    logger.debug('send is tried again', { code: error.code, lane: entry.lane, messageId: entry.id, wait })
    await delay(wait, this.#stopping.signal, clock).catch(() => {})
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

/** A lane that is being emptied. */
interface Pump {
  /** Something came since the lane was last seen empty. */
  again: boolean
  done: Promise<void>
}

const DONE = Promise.resolve()

/** Platforms that know a repeated message by its key. */
const IDEMPOTENT: ReadonlySet<Platform> = new Set(['bridge', 'discord'])

const BRIDGE_WAIT_MAX = 1_000
