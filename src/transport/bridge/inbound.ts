import { randomUUID } from 'node:crypto'
import type { BridgeMessage, BridgeReply } from '../../../generated/models.js'
import type { Identity } from '../../access/identity.js'
import type { BridgeSession } from '../../bridge/session.js'
import type { Mutable } from '../../mutable.js'
import type { InboundMessage } from '../transport.js'

/**
 * What came over a bridge connection, as any transport tells it. Platform and conversation are those of the connection,
 * never what the envelope claims.
 */
export function inboundFrom(
  envelope: BridgeMessage | BridgeReply,
  session: BridgeSession,
  sender: Identity,
): InboundMessage {
  const { session_key: thread, content = '', data } = envelope
  const { platform, id } = session
  const message: Mutable<InboundMessage> = {
    platform: 'bridge',
    // Ids are the adapter's own, so one adapter must not be able to use up those of another.
    id: id === undefined ? randomUUID() : `${platform}/${id}`,
    text: content,
    cards: data?.cards ?? [],
    sender,
    conversation: { platform: 'bridge', kind: 'adapter', id: platform, ...(thread === undefined ? {} : { thread }) },
  }
  if (id === undefined) message.freshId = true
  return message
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
