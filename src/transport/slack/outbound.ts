import { createHash } from 'node:crypto'
import type {
  SlackMessageMetadata,
  SlackPostMessage,
  SlackPostMessageReply,
  SlackStoredMessage,
} from '../../../generated/models.js'
import { WgrokError } from '../../errors.js'
import type { Card } from '../../protocol.js'
import type { OutboundMessage, Receipt } from '../transport.js'
import { escapeText } from './text.js'

/** Type of the metadata of our messages. */
const EVENT_TYPE = 'wgrok_message'
/** 132 bits of the digest, at 6 bits a character. */
const MARK_LENGTH = 22

/**
 * What a message is known by on Slack, for it to be found when it may have to be sent again. A digest, since keys may be
 * long and everybody in the conversation can read it.
 */
export function markOf(idempotencyKey: string): string {
  return createHash('sha256').update(idempotencyKey).digest('base64url').slice(0, MARK_LENGTH)
}

/** The metadata that carry a mark. */
export function metadataOf(mark: string): SlackMessageMetadata {
  return { event_type: EVENT_TYPE, event_payload: { id: mark } }
}

/** The mark of a message of ours. */
export function markOn({ metadata }: SlackStoredMessage): unknown {
  return metadata?.event_type === EVENT_TYPE ? metadata.event_payload?.['id'] : undefined
}

/**
 * Body of `chat.postMessage`. Nothing in the text is markup, gets a preview or pings anybody.
 *
 * With blocks, the text is what notifications and other bots see; the frame stands in it all the same.
 */
export function postBody(channel: string, message: OutboundMessage, thread?: string): SlackPostMessage {
  const blocks = blocksOf(message.cards ?? [])
  return {
    channel,
    text: escapeText(message.text),
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    ...(thread === undefined ? {} : { thread_ts: thread }),
    ...(blocks.length === 0 ? {} : { blocks }),
  }
}

/** A card is one block, or an object with `blocks`, as Slack's Block Kit Builder writes it. */
function blocksOf(cards: readonly Card[]): Card[] {
  return cards.flatMap(card => {
    const { blocks } = card
    return Array.isArray(blocks) ? blocks.filter(isCard) : [card]
  })
}

function isCard(value: unknown): value is Card {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The receipt of a message: channel and timestamp, which is unique in its channel only.
 *
 * @throws WgrokError `frame-too-large` for a message that Slack cut, which it calls a success.
 */
export function readReceipt(reply: SlackPostMessageReply, channel: string): Receipt {
  const warnings = [...(reply.response_metadata?.warnings ?? []), ...(reply.warning ?? '').split(',')]
  if (warnings.includes('message_truncated')) throw new WgrokError('frame-too-large', 'Slack truncated the message')
  if (reply.ts === undefined) throw new WgrokError('platform-rejected', 'Slack gave the message no timestamp')
  return { messageId: `${reply.channel ?? channel}:${reply.ts}`, platformResponse: reply }
}
