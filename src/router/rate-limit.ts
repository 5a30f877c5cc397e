import { ExpiringMap } from '../bus/expiring-map.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'

interface Bucket {
  tokens: number
  /** When the tokens were counted, in ms since 1970. */
  at: number
}

/** What a request with wrong credentials costs: guessing ends ten times sooner than using. */
export const REFUSED_COST = 10

/** Callers remembered; the one heard longest ago goes first. */
const CALLERS_MAX = 10_000

/** A token bucket per caller: a burst of a minute's worth, then so many per minute. */
export class RateLimit {
  readonly #perMinute: number
  readonly #clock: Clock
  readonly #buckets: ExpiringMap<Bucket>

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute
    this.#clock = clock
    // A bucket that was left alone for a minute is full, like that of a stranger.
    this.#buckets = new ExpiringMap({ ttl: 60_000, max: CALLERS_MAX, clock })
  }

  /**
   * Takes `cost` from the caller's bucket; 0 only looks whether anything is left.
   *
   * @throws WgrokError `rate-limited` with `retryAfterMs` when it holds less than that.
   */
  take(caller: string, cost: number = 1): void {
    const bucket = this.#bucket(caller)
    if (bucket.tokens < Math.max(1, cost)) throw this.#refusal(bucket, cost)
    bucket.tokens -= cost
    this.#buckets.set(caller, bucket)
  }

  /** Takes up to `cost`, for something that has happened already. */
  charge(caller: string, cost: number): void {
    const bucket = this.#bucket(caller)
    bucket.tokens = Math.max(0, bucket.tokens - cost)
    this.#buckets.set(caller, bucket)
  }

  #bucket(caller: string): Bucket {
    const now = this.#clock.now()
    const bucket = this.#buckets.get(caller) ?? { tokens: this.#perMinute, at: now }
    bucket.tokens = Math.min(this.#perMinute, bucket.tokens + ((now - bucket.at) * this.#perMinute) / 60_000)
    bucket.at = now
    return bucket
  }

  #refusal(bucket: Bucket, cost: number): WgrokError {
    const retryAfterMs = Math.ceil(((Math.max(1, cost) - bucket.tokens) * 60_000) / this.#perMinute)
    return new WgrokError('rate-limited', `limit is ${this.#perMinute} requests per minute`, { retryAfterMs })
  }
}
