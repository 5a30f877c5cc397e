import type { Clock, Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'

/** How fast lines may leave. */
export interface FloodLimits {
  /** Lines that may leave at once after a pause. Default 4. */
  readonly burst?: number
  /** Afterwards one line per so many ms. Default 2,000. */
  readonly intervalMs?: number
  /** Lines that wait at most. Default 512. */
  readonly max?: number
}

interface Waiting {
  readonly go: () => void
  readonly drop: (error: WgrokError) => void
}

/**
 * A token bucket with a queue, the pace of most networks: whoever is faster is disconnected with "Excess Flood".
 *
 * PING and PONG do not pass through it, or the server would take a long queue for a dead client.
 */
export class FloodQueue {
  readonly #clock: Clock
  readonly #burst: number
  readonly #interval: number
  readonly #max: number
  readonly #waiting: Waiting[] = []
  #tokens: number
  #filledAt: number
  #timer: Timer | undefined

  constructor(clock: Clock, limits: FloodLimits | false = {}) {
    const { burst = 4, intervalMs = 2_000, max = 512 } = limits === false ? { burst: Number.POSITIVE_INFINITY } : limits
    this.#clock = clock
    this.#burst = burst
    this.#interval = intervalMs
    this.#max = max
    this.#tokens = burst
    this.#filledAt = clock.now()
  }

  /** Lines that wait. */
  get queued(): number {
    return this.#waiting.length
  }

  /**
   * Resolves when a line may leave, in order of the calls.
   *
   * @throws WgrokError `rate-limited` when too many wait, with the time until half of them are gone; the reason of
   *   `signal`; what {@link clear} was given.
   */
  take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(WgrokError.from(signal.reason, 'aborted'))
    this.#fill()
    if (this.#waiting.length === 0 && this.#tokens >= 1) {
      this.#tokens -= 1
      return Promise.resolve()
    }
    if (this.#waiting.length >= this.#max) {
      const retryAfterMs = Math.ceil(this.#max / 2) * this.#interval
      return Promise.reject(
        new WgrokError('rate-limited', `${this.#max} IRC lines wait for their turn`, { retryAfterMs }),
      )
    }
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        reject(WgrokError.from(signal.reason, 'aborted'))
        if (this.#waiting.length === 0) this.#stop()
      }
      const entry: Waiting = {
        go: () => {
          signal.removeEventListener('abort', abort)
          resolve()
        },
        drop: error => {
          signal.removeEventListener('abort', abort)
          reject(error)
        },
      }
      signal.addEventListener('abort', abort, { once: true })
      this.#waiting.push(entry)
      this.#arm()
    })
  }

  /** Counts a line that could not wait, such as JOIN: those that come next wait longer. */
  charge(): void {
    this.#fill()
    this.#tokens -= 1
  }

  /** Refuses all that wait, as after the connection is lost, and forgets what the old connection had used up. */
  clear(error: WgrokError): void {
    this.#stop()
    for (const entry of this.#waiting.splice(0)) entry.drop(error)
    this.#tokens = this.#burst
    this.#filledAt = this.#clock.now()
  }

  #fill(): void {
    const now = this.#clock.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) / this.#interval)
    this.#filledAt = now
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.length === 0) return
    const wait = Math.max(1, Math.ceil((1 - this.#tokens) * this.#interval))
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#fill()
      while (this.#tokens >= 1 && this.#waiting.length > 0) {
        this.#tokens -= 1
        this.#waiting.shift()?.go()
      }
      this.#arm()
    }, wait)
  }

  #stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
