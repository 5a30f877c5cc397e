import { isEcho, parseEcho, parseResponse } from '../../../generated/frames.js'
import type { MessageFields } from '../../bridge/envelope.js'
import type { OutboundMessage } from '../transport.js'

/**
 * The envelope for a frame. Adapters that do not read frames find `from`, `to` and, when one of them is an inbox, its
 * nonce as `task_id` in the relay fields.
 */
export function envelopeFor(message: OutboundMessage, sessionKey: string | undefined): MessageFields {
  const { text, cards = [] } = message
  return {
    ...(sessionKey === undefined ? {} : { session_key: sessionKey }),
    content: text,
    ...relayFields(text),
    ...(cards.length === 0 ? {} : { data: { cards } }),
  }
}

function relayFields(text: string): Pick<MessageFields, 'from' | 'to' | 'task_id'> {
  const frame = isEcho(text) ? parseEcho(text) : text.startsWith('./') ? 'not-a-frame' : parseResponse(text)
  if (typeof frame === 'string') return {}
  const task = nonceOf(frame.from) ?? nonceOf(frame.to)
  return {
    to: frame.to,
    ...(frame.from === '-' ? {} : { from: frame.from }),
    ...(task === undefined ? {} : { task_id: task }),
  }
}

/** What follows the `~` of an inbox. */
function nonceOf(slug: string): string | undefined {
  const tilde = slug.indexOf('~')
  return tilde > 0 && tilde < slug.length - 1 ? slug.slice(tilde + 1) : undefined
}
