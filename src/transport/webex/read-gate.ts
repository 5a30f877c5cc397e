import { type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { waitFor } from '../retry.js'

/** Options of a {@link ReadGate}. */
export interface ReadGateOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Reads under way at once. Default 8. */
  readonly width?: number
  /** Retries of one read, waits that Webex asked for not counted. Default 3. */
  readonly retries?: number
}

const WIDTH = 8
const RETRIES = 3
/** Reads that were answered 429 so often are given up. */
const THROTTLED_MAX = 20

/**
 * Lets a few reads through at a time, in the order in which they came, and none while Webex has asked for a pause: every
 * message costs a read, so that a busy room would run into the rate limit with thousands of them at once.
 */
export class ReadGate {
  readonly #options: ReadGateOptions
  readonly #waiting: (() => void)[] = []
  #free: number
  #pausedUntil = 0

  constructor(options: ReadGateOptions) {
    this.#options = options
    this.#free = options.width ?? WIDTH
  }

  /**
   * Reads, again where that may help.
   *
   * @throws WgrokError what the last attempt ended with; `aborted` or `closed` at once.
   */
  async read<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, random, signal, retries = RETRIES } = this.#options
    let failed = 0
    let throttled = 0
    for (;;) {
      await this.#enter()
      try {
        return await attempt()
      } catch (caught) {
        const error = WgrokError.from(caught)
        if (!error.retryable || signal.aborted) throw error
        const limited = error.code === 'rate-limited'
        if (limited ? ++throttled > THROTTLED_MAX : ++failed > retries) throw error
        const until = clock.now() + waitFor(error, limited ? throttled : failed - 1, random)
        if (limited) this.#pausedUntil = Math.max(this.#pausedUntil, until)
        else await delay(until - clock.now(), signal, clock)
      } finally {
        this.#leave()
      }
    }
  }

  async #enter(): Promise<void> {
    const { clock, signal } = this.#options
    if (this.#free > 0) this.#free--
    else await new Promise<void>(resolve => this.#waiting.push(resolve))
    try {
      while (clock.now() < this.#pausedUntil) await delay(this.#pausedUntil - clock.now(), signal, clock)
      if (signal.aborted) throw WgrokError.from(signal.reason, 'aborted')
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
