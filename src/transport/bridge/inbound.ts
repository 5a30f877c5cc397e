import type { BridgeMessage, BridgeReply } from '../../../generated/models.js'
import type { Identity } from '../../access/identity.js'
import type { InboundMessage } from '../transport.js'
import { cardsOf } from './relay.js'

/**
 * What came over a bridge connection, as any transport tells it.
 *
 * @param platform the platform name that the connection registered; never what the envelope claims.
 * @param fallbackId id of the message unless the envelope brings its own.
 */
export function inboundFrom(
  envelope: BridgeMessage | BridgeReply,
  platform: string,
  sender: Identity,
  fallbackId: string,
): InboundMessage {
  const { session_key: thread, content = '', data } = envelope
  return {
    platform: 'bridge',
    id: fallbackId,
    text: content,
    cards: cardsOf(data),
    sender,
    conversation: { platform: 'bridge', kind: 'adapter', id: platform, ...(thread === undefined ? {} : { thread }) },
  }
}

/**
 * `<user_id>@<platform>.bridge`. The token vouches for the platform only; the adapter names the user, so whatever would
 * let a user look like somebody of another domain is percent-encoded.
 */
export function adapterIdentity(userId: string | undefined, platform: string): Identity {
  // By way of UTF-8, which has no lone surrogates; encodeURIComponent throws on them.
  const user = userId === undefined || userId === '' ? platform : encodeURIComponent(Buffer.from(userId).toString())
  return { principals: [`${user}@${platform}.bridge`] }
}
