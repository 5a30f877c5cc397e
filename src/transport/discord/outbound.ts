import { createHash } from 'node:crypto'
import { FRAME_LIMITS } from '../../../generated/limits.js'
import type { DiscordCreateMessage } from '../../../generated/models.js'
import { WgrokError } from '../../errors.js'
import { fits } from '../../frame/measure.js'
import type { OutboundMessage } from '../transport.js'

const EMBEDS_MAX = 10
const NONCE_LENGTH = 25
/** Discord then shows no previews of links; it would hide our own embeds with them. */
const SUPPRESS_EMBEDS = 4

/**
 * The body of a message to a channel. Nobody is ever pinged by what a payload holds.
 *
 * @throws WgrokError `frame-too-large` for a text over 2,000 code points, `platform-rejected` for more than ten cards.
 */
export function messageBody(message: OutboundMessage, channelId: string, idempotencyKey: string): DiscordCreateMessage {
  const { text, cards = [] } = message
  if (!fits(text, FRAME_LIMITS.discord)) {
    throw new WgrokError('frame-too-large', `the text is longer than ${FRAME_LIMITS.discord.size} code points`)
  }
  if (cards.length > EMBEDS_MAX) throw new WgrokError('platform-rejected', `more than ${EMBEDS_MAX} cards`)
  return {
    ...(text === '' ? {} : { content: text }),
    ...(cards.length === 0 ? { flags: SUPPRESS_EMBEDS } : { embeds: cards }),
    nonce: nonceOf(channelId, idempotencyKey),
    enforce_nonce: true,
    allowed_mentions: { parse: [] },
  }
}

/**
 * The nonce of a message: the same for the same key and channel, so that Discord answers a repeated request with the
 * message that it has already. It looks at nonces per author, hence the channel in it.
 */
export function nonceOf(channelId: string, idempotencyKey: string): string {
  return createHash('sha256').update(`${channelId}\0${idempotencyKey}`).digest('base64url').slice(0, NONCE_LENGTH)
}
