import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'

/** How often one signal is used: whoever leaves something behind on it leaves it for so many sends at most. */
const USES_MAX = 100

/** Signals kept for the next sends: about as many as are under way at once on a busy router. */
const IDLE_MAX = 256

/** A send under way. Its signal is used again and again, since making one costs more than all the rest of a message's way. */
interface Attempt {
  readonly controller: AbortController
  uses: number
  /** When it is called off, by `clock.elapsed()`. */
  deadline: number
  settle: (error: WgrokError | undefined) => void
}

/**
 * Runs sends under a time limit. It is the same for all, so that the first to begin is the first to be called off, and
 * one timer does for all of them.
 */
export class Attempts {
  readonly #clock: Clock
  readonly #ms: number
  /** In the order in which they began. */
  readonly #running = new Set<Attempt>()
  readonly #idle: Attempt[] = []
  #timer: Timer | undefined

  /** @param ms how long each send may take */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /**
   * Runs one send. Resolves with what went wrong, `timeout` and what {@link abort} got included, or with undefined; work
   * that does not heed its signal holds up nobody. Never rejects.
   */
  run(work: (signal: AbortSignal) => Promise<unknown>): Promise<WgrokError | undefined> {
    const attempt = this.#idle.pop() ?? { controller: new AbortController(), uses: 0, deadline: 0, settle: nothing }
    attempt.uses++
    attempt.deadline = this.#clock.elapsed() + this.#ms
    this.#running.add(attempt)
    if (this.#timer === undefined) this.#watch(this.#ms)
    return new Promise(resolve => {
      attempt.settle = resolve
      const fail = (error: unknown): void => this.#end(attempt, WgrokError.from(error))
      try {
        work(attempt.controller.signal).then(() => this.#end(attempt, undefined), fail)
      } catch (error) {
        fail(error)
      }
    })
  }

  /** Calls off everything that is under way. */
  abort(error: WgrokError): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const attempt of this.#running) this.#callOff(attempt, error)
  }

  #end(attempt: Attempt, error: WgrokError | undefined): void {
    // One that was called off has been heard of.
    if (!this.#running.delete(attempt)) return
    attempt.settle(error)
    if (attempt.uses < USES_MAX && this.#idle.length < IDLE_MAX) this.#idle.push(attempt)
  }

  #callOff(attempt: Attempt, error: WgrokError): void {
    this.#running.delete(attempt)
    attempt.controller.abort(error)
    attempt.settle(error)
  }

  #watch(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#check(), ms, { unref: true })
  }

  #check(): void {
    this.#timer = undefined
    const now = this.#clock.elapsed()
    for (const attempt of this.#running) {
      if (attempt.deadline > now) {
        this.#watch(attempt.deadline - now)
        break
      }
      this.#callOff(attempt, new WgrokError('timeout', `the send took longer than ${this.#ms} ms`))
    }
  }
}

function nothing(): void {}
