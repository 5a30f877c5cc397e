import { FRAME_LIMITS } from '../../generated/limits.js'
import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Address, FrameLimit, Platform } from '../protocol.js'
import { addressKey } from '../transport/address.js'
import type { InboundMessage, OutboundMessage, Receipt, Transport } from '../transport/transport.js'

/** A clock that stands still until a case moves it. */
export class SteppedClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; readonly fn: () => void }>()
  #now = 1_700_000_000_000

  now(): number {
    return this.#now
  }

  elapsed(): number {
    return this.#now
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer = { at: this.#now + ms, fn }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Lets `ms` pass and runs what is due. */
  advance(ms: number): void {
    this.#now += ms
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer)
      timer.fn()
    }
  }
}

/** A platform that exists in memory only: it keeps what is sent and lets a case speak. */
export class RecordingTransport implements Transport {
  readonly platform: Platform
  readonly limit: FrameLimit
  readonly sent: OutboundMessage[] = []
  #deliver: ((message: InboundMessage) => Promise<void>) | undefined

  constructor(platform: Platform) {
    this.platform = platform
    this.limit = FRAME_LIMITS[platform]
  }

  async send(to: Address, message: OutboundMessage): Promise<Receipt> {
    this.sent.push(message)
    return { messageId: `${addressKey(to)}#${this.sent.length}`, platformResponse: null }
  }

  async listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    this.#deliver = deliver
  }

  /** Lets the listener hear a message. */
  hear(message: InboundMessage): Promise<void> {
    if (this.#deliver === undefined) throw new WgrokError('internal', 'nobody listens')
    return this.#deliver(message)
  }

  async *status(): AsyncGenerator<never> {}

  async close(): Promise<void> {}
}
