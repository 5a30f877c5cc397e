import { FRAME_LIMITS } from '../../../generated/limits.js'
import type { BridgeMessage, BridgeReply } from '../../../generated/models.js'
import type { Settle } from '../../bridge/peer.js'
import type { BridgeServer } from '../../bridge/server.js'
import type { BridgeSession } from '../../bridge/session.js'
import { WgrokError } from '../../errors.js'
import { StatusFeed } from '../status.js'
import type { Transport } from '../transport.js'
import { adapterIdentity, inboundFrom } from './inbound.js'
import { envelopeFor } from './relay.js'

/** Options of {@link bridgeServerTransport}. */
export interface ServerTransportOptions {
  /**
   * When a send counts as done. `acked` waits until an adapter that can resume has handled the frame, so that a spool in
   * front keeps it until then; others cannot say, so it is enough that the system has it. Default `handed`.
   */
  readonly settle?: Settle
}

/**
 * The router's side of the bridge as a transport: an address `bridge:<platform>` means all connections of that
 * platform. Takes over the server's handlers of messages and replies.
 *
 * The server belongs to the caller, who mounts it or lets it listen, and closes it after the transport.
 */
export function bridgeServerTransport(server: BridgeServer, options: ServerTransportOptions = {}): Transport {
  const { settle = 'handed' } = options
  const status = new StatusFeed({ state: 'connecting' })
  return {
    platform: 'bridge',
    limit: FRAME_LIMITS.bridge,
    async send(to, message, { signal, idempotencyKey }) {
      if (to.platform !== 'bridge' || to.kind !== 'adapter') {
        throw new WgrokError('target-invalid', 'the bridge reaches adapters only')
      }
      if (signal.aborted) throw WgrokError.from(signal.reason, 'aborted')
      // A program reads the frame, so no card may be written into it as text.
      const sent = server.hand(to.id, envelopeFor(message, to.thread), { id: idempotencyKey, verbatim: true, settle })
      if (sent !== undefined) await orAborted(sent, signal)
      return { messageId: idempotencyKey, platformResponse: null }
    },
    async listen(deliver) {
      const hear = (envelope: BridgeMessage | BridgeReply, session: BridgeSession): Promise<void> =>
        deliver(inboundFrom(envelope, session, adapterIdentity(envelope.metadata?.user_id, session.platform)))
      server.onMessage(hear).onReply(hear)
      status.set({ state: 'live', since: Date.now() })
    },
    status: () => status.follow(),
    async close() {
      status.set({ state: 'closed' })
    },
  }
}

/** Rejects when the signal says so first; what is with the system goes out all the same. */
function orAborted(sent: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(WgrokError.from(signal.reason, 'aborted'))
    signal.addEventListener('abort', abort, { once: true })
    sent.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
