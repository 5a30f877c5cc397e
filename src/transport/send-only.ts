import type { Clock } from '../clock.js'
import type { Address, FrameLimit, Platform } from '../protocol.js'
import { StatusFeed } from './status.js'
import type { OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from './transport.js'

/** The same account without its connection for listening: what it would hear comes by webhook. It is live at once. */
export function sendOnly(transport: Transport, clock: Clock): Transport {
  return new SendOnly(transport, clock)
}

class SendOnly implements Transport {
  readonly platform: Platform
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #status = new StatusFeed({ state: 'connecting' })

  constructor(transport: Transport, clock: Clock) {
    this.platform = transport.platform
    this.#transport = transport
    this.#clock = clock
  }

  get limit(): FrameLimit {
    return this.#transport.limit
  }

  send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    return this.#transport.send(to, message, options)
  }

  async listen(): Promise<void> {
    this.#status.set({ state: 'live', since: this.#clock.now() })
  }

  status(): AsyncIterable<TransportStatus> {
    return this.#status.follow()
  }

  async close(): Promise<void> {
    await this.#transport.close()
    this.#status.set({ state: 'closed' })
  }
}
