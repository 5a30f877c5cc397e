import type { SlackPostMessage } from '../../../generated/models.js'
import type { Card } from '../../protocol.js'
import type { OutboundMessage } from '../transport.js'
import { escapeText } from './text.js'

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
