import type { TransportStatus } from './transport.js'

/** States that a reader who does not read keeps waiting; older ones are skipped. */
const WAITING_MAX = 64

/** Turns changes of state into async iterables, one per reader, each beginning with the present state. */
export class StatusFeed {
  #current: TransportStatus
  readonly #readers = new Set<(status: TransportStatus) => void>()

  constructor(initial: TransportStatus) {
    this.#current = initial
  }

  /** The present state. */
  get current(): TransportStatus {
    return this.#current
  }

  /** Tells every reader. After `closed` nothing more is told. */
  set(status: TransportStatus): void {
    if (this.#current.state === 'closed') return
    this.#current = status
    for (const tell of [...this.#readers]) tell(status)
  }

  /** Every state from the present one on; ends after `closed`. */
  async *follow(): AsyncGenerator<TransportStatus, void, void> {
    const waiting: TransportStatus[] = [this.#current]
    let wake: (() => void) | undefined
    const tell = (status: TransportStatus): void => {
      if (waiting.length === WAITING_MAX) waiting.shift()
      waiting.push(status)
      wake?.()
    }
    this.#readers.add(tell)
    try {
      for (;;) {
        const status = waiting.shift()
        if (status === undefined) {
          await new Promise<void>(resolve => {
            wake = resolve
          })
        } else {
          yield status
          if (status.state === 'closed') return
        }
      }
    } finally {
      this.#readers.delete(tell)
    }
  }
}
