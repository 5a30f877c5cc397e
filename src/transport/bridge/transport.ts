import { FRAME_LIMITS } from '../../../generated/limits.js'
import type { BridgeMessage, BridgeReply } from '../../../generated/models.js'
import { BridgeClient } from '../../bridge/client.js'
import type { BridgeSession } from '../../bridge/session.js'
import { WgrokError } from '../../errors.js'
import { silent } from '../../log.js'
import type { Address } from '../../protocol.js'
import type { TransportOptions } from '../open.js'
import type { InboundMessage, OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from '../transport.js'
import { adapterIdentity, inboundFrom } from './inbound.js'
import { envelopeFor } from './relay.js'

/**
 * A peer of a router's bridge.
 *
 * There is one place to send to, the router at the other end, so of an address only the thread matters. What it hears
 * comes from the router: `wgrok@<platform>.bridge`.
 *
 * @param token `ws://platform:token@host:port`, or `wss`.
 * @throws WgrokError `config-invalid` for a URL of another form.
 */
export function createBridgeTransport(token: string, options: TransportOptions): Transport {
  return new BridgeTransport(token, options)
}

class BridgeTransport implements Transport {
  readonly platform = 'bridge'
  readonly limit = FRAME_LIMITS.bridge
  readonly #client: BridgeClient
  readonly #logger
  #connecting: Promise<void> | undefined

  constructor(token: string, options: TransportOptions) {
    const { proxy, logger, clock, random } = options
    this.#logger = logger ?? silent
    this.#client = new BridgeClient({
      url: token,
      capabilities: ['text', 'card'],
      ...(proxy === undefined ? {} : { proxy }),
      ...(logger === undefined ? {} : { logger }),
      ...(clock === undefined ? {} : { clock }),
      ...(random === undefined ? {} : { random }),
    })
  }

  async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    if (to.platform !== 'bridge') throw new WgrokError('target-invalid', 'the bridge reaches bridge addresses only')
    // Connecting goes on in the background; a permanent failure reaches the queue and with it this send.
    this.#connect().catch(() => {})
    const { signal, idempotencyKey } = options
    await this.#client.send(envelopeFor(message, to.thread), { signal, id: idempotencyKey })
    return { messageId: idempotencyKey, platformResponse: null }
  }

  async listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    const sender = adapterIdentity('wgrok', this.#client.platform)
    const hear = (envelope: BridgeMessage | BridgeReply, session: BridgeSession): Promise<void> =>
      deliver(inboundFrom(envelope, session, sender))
    this.#client
      .onMessage(hear)
      .onReply(hear)
      .onError(error => this.#logger.warn('the router refused something', { status: error.code }))
    await this.#connect()
  }

  status(): AsyncIterable<TransportStatus> {
    return this.#client.status()
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #connect(): Promise<void> {
    this.#connecting ??= this.#client.connect()
    return this.#connecting
  }
}
