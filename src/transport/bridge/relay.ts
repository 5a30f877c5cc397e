import { isEcho, parseEcho, parseResponse } from '../../../generated/frames.js'
import type { BridgeMessage, Frame } from '../../../generated/models.js'
import type { Mutable } from '../../mutable.js'
import type { OutboundMessage } from '../transport.js'

/**
 * The envelope for a frame. Adapters that do not read frames find `from`, `to` and, when one of them is an inbox, its
 * nonce as `task_id` in the relay fields.
 */
export function envelopeFor(message: OutboundMessage, sessionKey: string | undefined): BridgeMessage {
  const { text, cards = [] } = message
  const envelope: Mutable<BridgeMessage> = { type: 'message' }
  if (sessionKey !== undefined) envelope.session_key = sessionKey
  envelope.content = text
  const frame = frameOf(text)
  if (frame !== undefined) {
    envelope.to = frame.to
    if (frame.from !== '-') envelope.from = frame.from
    const task = nonceOf(frame.from) ?? nonceOf(frame.to)
    if (task !== undefined) envelope.task_id = task
  }
  if (cards.length > 0) envelope.data = { cards }
  return envelope
}

function frameOf(text: string): Frame | undefined {
  const frame = isEcho(text) ? parseEcho(text) : text.startsWith('./') ? 'not-a-frame' : parseResponse(text)
  return typeof frame === 'string' ? undefined : frame
}

/** What follows the `~` of an inbox. */
function nonceOf(slug: string): string | undefined {
  const tilde = slug.indexOf('~')
  return tilde > 0 && tilde < slug.length - 1 ? slug.slice(tilde + 1) : undefined
}
