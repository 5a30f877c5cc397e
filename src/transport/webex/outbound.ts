import { parseFlags, parseResponse } from '../../../generated/frames.js'
import { FRAME_LIMITS } from '../../../generated/limits.js'
import type { WebexCreateMessage } from '../../../generated/models.js'
import { WgrokError } from '../../errors.js'
import { fits } from '../../frame/measure.js'
import type { Address, Card } from '../../protocol.js'
import type { OutboundMessage } from '../transport.js'

/**
 * The body of `POST /messages`.
 *
 * A bot in a group room hears only what mentions it, and a mention needs markdown. Where the mention leaves no room for
 * the frame, the message goes to the mentioned one directly: it is heard there without one. So does every frame of a
 * train, since a train that is spread over two conversations is never put together.
 *
 * @throws WgrokError `frame-too-large`, and `platform-rejected` for more than one card
 */
export function messageBody(to: Address, message: OutboundMessage): WebexCreateMessage {
  const { text, cards = [], mention } = message
  if (!fits(text, FRAME_LIMITS.webex)) {
    throw new WgrokError('frame-too-large', `Webex takes ${FRAME_LIMITS.webex.size} ${FRAME_LIMITS.webex.unit}`)
  }
  if (cards.length > 1) throw new WgrokError('platform-rejected', 'Webex takes one card per message')
  const rest = { text, ...(cards.length === 0 ? {} : { attachments: cards.map(attachment) }) }
  const tag = mention === undefined || to.kind !== 'room' ? undefined : mentionTag(mention)
  if (mention === undefined || tag === undefined) {
    return { ...place(to), ...rest, ...(to.thread === undefined ? {} : { parentId: to.thread }) }
  }
  const markdown = `${tag} ${escapeMarkdown(text)}`
  if (isPartOfTrain(text) || !fits(markdown, FRAME_LIMITS.webex)) return { ...place(mention), ...rest }
  return { ...place(to), ...rest, markdown, ...(to.thread === undefined ? {} : { parentId: to.thread }) }
}

function place({ kind, id }: Address): Pick<WebexCreateMessage, 'roomId' | 'toPersonEmail' | 'toPersonId'> {
  if (kind === 'email') return { toPersonEmail: id }
  return kind === 'person' ? { toPersonId: id } : { roomId: id }
}

function mentionTag({ platform, kind, id }: Address): string | undefined {
  // An id that could end the tag would put words of its own choice into the message.
  if (platform !== 'webex' || /[<>|\s]/.test(id)) return undefined
  if (kind === 'email') return `<@personEmail:${id}>`
  return kind === 'person' ? `<@personId:${id}>` : undefined
}

/** Writes a text so that what is rendered is the text again. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_[\]<>&~|#]/g, '\\$&')
}

function isPartOfTrain(text: string): boolean {
  const frame = parseResponse(text.startsWith('./echo:') ? text.slice('./echo:'.length) : text)
  return typeof frame !== 'string' && parseFlags(frame.flags)?.chunk !== undefined
}

function attachment(card: Card): { readonly contentType: string; readonly content: Card } {
  return { contentType: CARD_TYPE, content: card }
}

/** Content type of an Adaptive Card. */
export const CARD_TYPE = 'application/vnd.microsoft.card.adaptive'
