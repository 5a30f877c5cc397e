import type { Clock } from '../../clock.js'

const SLOT = 60_000
const SLOTS = 10
/** Discord bans an address at 10,000; other programs may share ours. */
const INVALID_MAX = 9_000

/** Counts refused requests by the minute, over the last ten. */
export class InvalidGuard {
  readonly #clock: Clock
  readonly #max: number
  readonly #slots: { readonly begun: number; count: number }[] = []

  constructor(clock: Clock, max: number = INVALID_MAX) {
    this.#clock = clock
    this.#max = max
  }

  /** One more answer of 401, 403 or 429. */
  count(): void {
    const now = this.#clock.now()
    const last = this.#slots.at(-1)
    if (last !== undefined && now < last.begun + SLOT) last.count++
    else this.#slots.push({ begun: now, count: 1 })
  }

  /** How long nothing may be sent, in ms; 0 when all is well. */
  wait(): number {
    if (this.#slots.length === 0) return 0
    const now = this.#clock.now()
    // A slot counts in full until its last answer is ten minutes old.
    while (this.#slots[0] !== undefined && this.#slots[0].begun + SLOT * (SLOTS + 1) <= now) this.#slots.shift()
    const first = this.#slots[0]
    if (first === undefined || this.#slots.reduce((sum, slot) => sum + slot.count, 0) < this.#max) return 0
    return first.begun + SLOT * (SLOTS + 1) - now
  }
}
