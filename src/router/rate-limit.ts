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

  /** @throws WgrokError `rate-limited` with `retryAfterMs` when nothing is left in the caller's bucket. */
  check(caller: string): void {
    const bucket = this.#buckets.get(caller)
    if (bucket !== undefined) this.#demand(this.#fill(bucket))
  }

  /**
   * Takes one from the caller's bucket.
   *
   * @throws WgrokError `rate-limited` with `retryAfterMs` when nothing is left.
   */
  take(caller: string): void {
    const bucket = this.#bucket(caller)
    this.#demand(bucket)
    bucket.tokens -= 1
    this.#buckets.set(caller, bucket)
  }

  /** Takes up to `cost`, for something that has happened already. */
  charge(caller: string, cost: number): void {
    const bucket = this.#bucket(caller)
    bucket.tokens = Math.max(0, bucket.tokens - cost)
    this.#buckets.set(caller, bucket)
  }

  #bucket(caller: string): Bucket {
    const bucket = this.#buckets.get(caller)
    return bucket === undefined ? { tokens: this.#perMinute, at: this.#clock.now() } : this.#fill(bucket)
  }

  /** Adds what has come in since. */
  #fill(bucket: Bucket): Bucket {
    const now = this.#clock.now()
    bucket.tokens = Math.min(this.#perMinute, bucket.tokens + ((now - bucket.at) * this.#perMinute) / 60_000)
    bucket.at = now
    return bucket
  }

  #demand({ tokens }: Bucket): void {
    if (tokens >= 1) return
    const retryAfterMs = Math.ceil(((1 - tokens) * 60_000) / this.#perMinute)
    throw new WgrokError('rate-limited', `limit is ${this.#perMinute} requests per minute`, { retryAfterMs })
  }
}
