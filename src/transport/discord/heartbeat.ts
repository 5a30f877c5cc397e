import type { Clock, Timer } from '../../clock.js'

/** Options of a {@link Heartbeat}. */
export interface HeartbeatOptions {
  /** Milliseconds between two beats. */
  readonly interval: number
  readonly clock: Clock
  readonly random: () => number
  readonly beat: () => void
  /** A beat has had no answer for a while; Discord usually answers within a second. */
  readonly late: () => void
  /** A beat had no answer until the next one was due: the other end is gone. */
  readonly dead: () => void
}

/** How long an answer may take before the connection counts as stale, in ms. */
const LATE = 10_000

/**
 * Beats from HELLO until it is stopped. The first beat comes after a random part of the interval, so that clients do not
 * beat in step after an outage. Each HELLO gets a heartbeat of its own: an answer that the last socket still owed says
 * nothing about this one.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #owed = false
  #next: Timer
  #patience: Timer | undefined

  constructor(options: HeartbeatOptions) {
    const { clock, interval, random } = options
    this.#options = options
    this.#next = clock.setTimeout(() => this.#tick(), interval * random())
  }

  /** Discord answered. */
  acked(): void {
    this.#owed = false
    this.#patience?.cancel()
  }

  stop(): void {
    this.#next.cancel()
    this.#patience?.cancel()
  }

  #tick(): void {
    const { beat, clock, dead, interval, late } = this.#options
    if (this.#owed) {
      this.stop()
      dead()
      return
    }
    this.#owed = true
    this.#next = clock.setTimeout(() => this.#tick(), interval)
    this.#patience = clock.setTimeout(late, Math.min(LATE, interval / 2))
    beat()
  }
}
