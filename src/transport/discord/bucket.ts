import type { Clock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { Deque } from '../../spool/deque.js'

interface Waiter {
  readonly enter: () => void
  readonly reject: (error: WgrokError) => void
  gone: boolean
}

/**
 * What Discord grants for one route and channel.
 *
 * Before the first answer nothing is known, so one request goes ahead and the rest waits for what it learns.
 */
export class Bucket {
  readonly #clock: Clock
  readonly #waiters = new Deque<Waiter>()
  #waiting = 0
  #inFlight = 0
  #asked = false
  #limit = Number.POSITIVE_INFINITY
  #remaining = Number.POSITIVE_INFINITY
  #resetAt = 0
  #blockedUntil = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Nobody needs it and it holds nothing that a new one would not know. */
  get idle(): boolean {
    const now = this.#clock.now()
    return this.#inFlight === 0 && this.#waiting === 0 && this.#resetAt <= now && this.#blockedUntil <= now
  }

  /** Milliseconds until a request may be made, 0 for now; `answer`: once the first one has been answered. */
  wait(): number | 'answer' {
    const now = this.#clock.now()
    if (this.#blockedUntil > now) return this.#blockedUntil - now
    if (!this.#asked) return this.#inFlight === 0 ? 0 : 'answer'
    if (this.#resetAt <= now) this.#remaining = Math.max(this.#remaining, this.#limit - this.#inFlight)
    if (this.#remaining >= 1) return 0
    // With the window over, what is under way has used up the next one.
    return this.#resetAt > now ? this.#resetAt - now : 'answer'
  }

  enter(): void {
    this.#inFlight++
    this.#remaining--
  }

  leave(): void {
    this.#inFlight--
    this.#asked = true
  }

  /** Resolves when its turn has come. */
  queue(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal?.removeEventListener('abort', abort)
        this.#waiting--
        waiter.gone = true
        end()
      }
      const waiter: Waiter = {
        enter: () => settle(resolve),
        reject: error => settle(() => reject(error)),
        gone: false,
      }
      const abort = (): void => waiter.reject(WgrokError.from(signal?.reason, 'aborted'))
      this.#waiting++
      if (signal?.aborted === true) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  /** Lets in as many as may enter; returns when the next one may. */
  admit(): number | 'answer' {
    for (;;) {
      const wait = this.wait()
      const waiter = wait === 0 ? this.#next() : undefined
      if (waiter === undefined) return wait
      this.enter()
      waiter.enter()
    }
  }

  reject(error: WgrokError): void {
    for (let waiter = this.#next(); waiter !== undefined; waiter = this.#next()) waiter.reject(error)
  }

  block(until: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, until)
  }

  /** Takes over what an answer says; answers of one window may arrive in any order. */
  learn(limit: number, remaining: number, resetAfterMs: number): void {
    const now = this.#clock.now()
    const others = this.#inFlight - 1
    this.#remaining = this.#resetAt > now ? Math.min(this.#remaining, remaining) : remaining - others
    this.#limit = limit
    this.#resetAt = now + resetAfterMs
    this.#asked = true
  }

  #next(): Waiter | undefined {
    for (;;) {
      const waiter = this.#waiters.shift()
      if (waiter === undefined || !waiter.gone) return waiter
    }
  }
}
