import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'

/** How often one signal is used: whoever leaves something behind on it leaves it for so many sends at most. */
const USES_MAX = 100

/**
 * Runs one send after the other, each under a time limit and until {@link abort}. The signal is used again and again,
 * since making one costs more than all the rest of a message's way.
 */
export class Attempt {
  readonly #controller = new AbortController()
  readonly #clock: Clock
  readonly #ms: number
  #uses = 0
  #failure: WgrokError | undefined
  #reject: (error: WgrokError) => void = () => {}

  /** @param ms how long each send may take */
  constructor(clock: Clock, ms: number) {
    this.#clock = clock
    this.#ms = ms
  }

  /** Whether it may run another send. */
  get reusable(): boolean {
    return this.#failure === undefined && this.#uses < USES_MAX
  }

  /** Why the last send was called off; undefined when it was not. */
  get failure(): WgrokError | undefined {
    return this.#failure
  }

  /**
   * Settles as `work` does, or rejects when it is called off: work that does not heed its signal holds up nobody.
   *
   * @throws WgrokError `timeout`, what {@link abort} got, or whatever `work` throws
   */
  run(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    this.#uses++
    return new Promise((resolve, reject) => {
      const timer: Timer = this.#clock.setTimeout(() => this.abort(this.#timeout()), this.#ms)
      this.#reject = error => {
        timer.cancel()
        reject(error)
      }
      work(this.#controller.signal).then(() => {
        timer.cancel()
        resolve()
      }, this.#reject)
    })
  }

  /** Calls off what is under way. */
  abort(error: WgrokError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#controller.abort(error)
    this.#reject(error)
  }

  #timeout(): WgrokError {
    return new WgrokError('timeout', `the send took longer than ${this.#ms} ms`)
  }
}
