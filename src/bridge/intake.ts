/**
 * Counts what is with a handler, and stops reading when that is too much.
 *
 * Jobs begin in the order in which they came, each after the gate before it has opened; they end in any order.
 */
export class Intake {
  readonly #limit: number
  readonly #flow: { hold(): void; release(): void }
  #running = 0
  #held = false
  #gate: Promise<unknown> | undefined

  constructor(limit: number, flow: { hold(): void; release(): void }) {
    this.#limit = limit
    this.#flow = flow
  }

  /** Whether too much is with the handler right now. */
  get held(): boolean {
    return this.#held
  }

  /**
   * Runs `job` with what `gate` resolves to. Neither may throw or reject.
   *
   * A gate that is a plain value costs no turn of the event loop, unless an earlier one is still shut.
   */
  run<G>(gate: G | Promise<G>, job: (opened: G) => Promise<void>): void {
    this.#begin()
    if (this.#gate === undefined && !(gate instanceof Promise)) {
      void job(gate).then(() => this.#end())
      return
    }
    const turn = Promise.all([gate, this.#gate])
    this.#gate = turn
    void turn.then(([opened]) => {
      if (this.#gate === turn) this.#gate = undefined
      return job(opened).then(() => this.#end())
    })
  }

  #begin(): void {
    this.#running += 1
    if (!this.#held && this.#running >= this.#limit) {
      this.#held = true
      this.#flow.hold()
    }
  }

  #end(): void {
    this.#running -= 1
    if (this.#held && this.#running <= this.#limit / 2) {
      this.#held = false
      this.#flow.release()
    }
  }
}
