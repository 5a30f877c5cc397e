import type { Address } from '../protocol.js'
import type { InboundMessage, OutboundMessage, Receipt, SendOptions, Transport } from '../transport/transport.js'

/** A frame that passed a transport. */
export interface Tapped {
  readonly text: string
  /** `performance.now()` when it was handed over. */
  readonly at: number
}

/** A transport that tells which frames pass it, in both directions, and changes nothing. */
export function tap(transport: Transport, onFrame: (frame: Tapped) => void): Transport {
  return {
    platform: transport.platform,
    get limit() {
      return transport.limit
    },
    async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
      const receipt = await transport.send(to, message, options)
      onFrame({ text: message.text, at: performance.now() })
      return receipt
    },
    listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
      return transport.listen(message => {
        onFrame({ text: message.text, at: performance.now() })
        return deliver(message)
      })
    },
    status: () => transport.status(),
    close: () => transport.close(),
  }
}
