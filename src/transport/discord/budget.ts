import { type Clock, delay, type Timer } from '../../clock.js'
import { type RetryScope, WgrokError } from '../../errors.js'
import { Bucket } from './bucket.js'
import { InvalidGuard } from './invalid-guard.js'

/** What a 429 was about: a route of ours, a resource that others use too, or everything. */
export type LimitScope = 'user' | 'shared' | 'global'

/** Options of a {@link RateBudget}. */
export interface RateBudgetOptions {
  readonly clock: Clock
  /**
   * What to do with a request whose bucket is known to be empty: `wait` for its turn, or `refuse` it at once with
   * `rate-limited`, so that the caller can take another account meanwhile.
   */
  readonly whenEmpty: 'wait' | 'refuse'
  /** Requests of one bot in a second, over all routes. Default 50. */
  readonly perSecond?: number
  /** Answers of 401, 403 and 429 in ten minutes after which nothing is sent any more. Default 9,000. */
  readonly invalidMax?: number
}

const PER_SECOND = 50
const SECOND = 1000
/** Routes remembered before idle ones are forgotten. */
const BUCKETS_MAX = 1000

/**
 * Discord's rate limits, learnt from the headers of its answers, so that requests wait here instead of being refused
 * there: a bucket per route and channel, one budget for the bot as a whole, and a guard before the ban that too many
 * refused requests bring.
 */
export class RateBudget {
  readonly #options: RateBudgetOptions
  readonly #buckets = new Map<string, Bucket>()
  readonly #invalid: InvalidGuard
  readonly #recent: number[] = []
  readonly #timers = new Map<Bucket, Timer>()
  #globalUntil = 0

  constructor(options: RateBudgetOptions) {
    this.#options = options
    this.#invalid = new InvalidGuard(options.clock, options.invalidMax)
  }

  /**
   * Resolves when a request on `route` may be made; {@link leave} must follow.
   *
   * @param route operation and, after a slash, the channel that it is about.
   * @throws WgrokError `rate-limited` with `retryAfterMs` in mode `refuse`, or before a ban; `aborted`.
   */
  async take(route: string, signal?: AbortSignal): Promise<void> {
    this.#assertWelcome()
    await this.#takeBucket(route, signal)
    try {
      await this.#takeSecond(signal)
    } catch (error) {
      this.leave(route)
      throw error
    }
  }

  /** The request is over. */
  leave(route: string): void {
    this.#bucket(route).leave()
    this.#pump(route)
  }

  /** Takes over what an answer says about its bucket. */
  learn(route: string, header: (name: string) => string | undefined): void {
    const [limit, remaining, resetAfter] = [
      header('x-ratelimit-limit'),
      header('x-ratelimit-remaining'),
      header('x-ratelimit-reset-after'),
    ].map(value => (value === undefined ? Number.NaN : Number(value)))
    if (limit === undefined || !(limit >= 1) || remaining === undefined || !(remaining >= 0)) return
    if (resetAfter === undefined || !(resetAfter >= 0)) return
    this.#bucket(route).learn(limit, remaining, Math.ceil(resetAfter * SECOND))
  }

  /** The platform refused a request for its rate. */
  limited(route: string, scope: LimitScope, retryAfterMs: number): void {
    const until = this.#options.clock.now() + retryAfterMs
    if (scope === 'global') this.#globalUntil = Math.max(this.#globalUntil, until)
    else this.#bucket(route).block(until)
    if (scope !== 'shared') this.#invalid.count()
  }

  /** The platform refused a request with 401 or 403. */
  refused(): void {
    this.#invalid.count()
  }

  /** Rejects whoever waits. */
  close(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
    const error = new WgrokError('closed', 'the transport was closed')
    for (const bucket of this.#buckets.values()) bucket.reject(error)
  }

  #bucket(route: string): Bucket {
    let bucket = this.#buckets.get(route)
    if (bucket === undefined) {
      this.#forgetIdle()
      bucket = new Bucket(this.#options.clock)
      this.#buckets.set(route, bucket)
    }
    return bucket
  }

  #forgetIdle(): void {
    if (this.#buckets.size < BUCKETS_MAX) return
    for (const [route, bucket] of this.#buckets) if (bucket.idle) this.#buckets.delete(route)
  }

  #assertWelcome(): void {
    const { clock, whenEmpty } = this.#options
    const ban = this.#invalid.wait()
    if (ban > 0) {
      throw new WgrokError('rate-limited', 'too many requests were refused: Discord would ban this address', {
        retryAfterMs: ban,
      })
    }
    const left = this.#globalUntil - clock.now()
    if (left > 0 && whenEmpty === 'refuse') throw emptied(left, 'account')
  }

  #takeBucket(route: string, signal: AbortSignal | undefined): Promise<void> | undefined {
    const bucket = this.#bucket(route)
    const wait = bucket.wait()
    if (wait === 0 && bucket.waiting === 0) return void bucket.enter()
    if (typeof wait === 'number' && wait > 0 && this.#options.whenEmpty === 'refuse') throw emptied(wait, 'destination')
    const turn = bucket.queue(signal)
    this.#pump(route)
    return turn
  }

  /** Lets in whoever may enter, and comes back when the next one may. */
  #pump(route: string): void {
    const bucket = this.#bucket(route)
    const wait = bucket.admit()
    if (bucket.waiting === 0 || wait === 'answer') return
    if (this.#options.whenEmpty === 'refuse') {
      bucket.reject(emptied(wait, 'destination'))
      return
    }
    this.#timers.get(bucket)?.cancel()
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(bucket)
      this.#pump(route)
    }, wait)
    this.#timers.set(bucket, timer)
  }

  async #takeSecond(signal: AbortSignal | undefined): Promise<void> {
    const { clock, perSecond = PER_SECOND } = this.#options
    for (;;) {
      const now = clock.now()
      while (this.#recent[0] !== undefined && this.#recent[0] + SECOND <= now) this.#recent.shift()
      const full = this.#recent.length >= perSecond ? (this.#recent[0] ?? now) + SECOND - now : 0
      const wait = Math.max(full, this.#globalUntil - now)
      if (wait <= 0) return void this.#recent.push(now)
      await delay(wait, signal, clock)
    }
  }
}

function emptied(retryAfterMs: number, retryScope: RetryScope): WgrokError {
  return new WgrokError('rate-limited', 'the budget that Discord grants is used up', { retryAfterMs, retryScope })
}
