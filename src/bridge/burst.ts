import type { Writable } from 'node:stream'

/** Writes what is sent within one turn of the event loop in one go: a system call costs more than a small frame does. */
export class Burst {
  readonly #wire: Writable
  #open = false

  /** @param wire what the frames are written to in the end. */
  constructor(wire: Writable) {
    this.#wire = wire
  }

  /** Keeps what is written from now on, until the turn is over. */
  begin(): void {
    if (this.#open) return
    this.#open = true
    this.#wire.cork()
    setImmediate(end, this)
  }

  /** Writes what was kept. Idempotent. */
  end(): void {
    if (!this.#open) return
    this.#open = false
    this.#wire.uncork()
  }
}

function end(burst: Burst): void {
  burst.end()
}
