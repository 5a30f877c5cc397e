import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { abortError, openScope, type Scope } from './scope.js'
import type { Reply } from './sender.js'

interface Waiting {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: WgrokError) => void
  readonly scope: Scope
}

/** Requests that wait for their reply, by inbox. */
export class Requests {
  readonly #waiting = new Map<string, Waiting>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether a frame to that slug would settle a request. */
  waitsFor(to: string): boolean {
    return this.#waiting.has(to)
  }

  /** The reply to come. Rejects with `timeout`, `aborted` or `closed`. */
  open(inbox: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<Reply> {
    const scope = openScope([signal], { ms: timeoutMs, clock: this.#clock, what: 'the reply' })
    const reply = new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(inbox, { resolve, reject, scope })
      const abort = (): void => this.#take(inbox)?.reject(abortError(scope.signal))
      if (scope.signal.aborted) abort()
      else scope.signal.addEventListener('abort', abort, { once: true })
    })
    // A request may fail in sending, before anyone waits here.
    reply.catch(() => {})
    return reply
  }

  settle(inbox: string, reply: Reply): void {
    this.#take(inbox)?.resolve(reply)
  }

  /** Forgets a request; its promise never settles. */
  drop(inbox: string): void {
    this.#take(inbox)
  }

  /** Rejects every request that waits. */
  close(): void {
    for (const inbox of [...this.#waiting.keys()]) {
      this.#take(inbox)?.reject(new WgrokError('closed', 'the sender was closed'))
    }
  }

  #take(inbox: string): Waiting | undefined {
    const waiting = this.#waiting.get(inbox)
    this.#waiting.delete(inbox)
    waiting?.scope.release()
    return waiting
  }
}
