import type { Clock } from '../../clock.js'

/** Discord drops a connection that sends more than this in a minute. */
const MAX = 120
const WINDOW = 60_000
/** Kept for the beats that are due by themselves: without them the connection is lost for sure. */
const RESERVE = 6

/** Counts what goes out on one gateway connection. */
export class SendWindow {
  readonly #clock: Clock
  readonly #sent: number[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether one more may be sent, which then counts as sent. @param due a beat that is due by itself */
  take(due: boolean): boolean {
    const now = this.#clock.now()
    while (this.#sent[0] !== undefined && this.#sent[0] + WINDOW <= now) this.#sent.shift()
    if (this.#sent.length >= (due ? MAX : MAX - RESERVE)) return false
    this.#sent.push(now)
    return true
  }
}
