import type { DiscordMessage } from '../../../generated/models.js'
import type { Address } from '../../protocol.js'
import type { InboundMessage } from '../transport.js'
import { authorIdentity, type DiscordSelf, isOwn } from './identity.js'

/** Why a message goes no further. `textless`: Discord kept the text back, for want of the intent. */
export type Skipped = 'own' | 'system' | 'anonymous' | 'empty' | 'textless'

const DEFAULT = 0
const REPLY = 19

/** Reads a message of `MESSAGE_CREATE`. A text means that it is not for the bus, and why. */
export function readMessage(message: DiscordMessage, self: DiscordSelf): InboundMessage | Skipped {
  const { content = '', embeds = [], attachments = [], type = DEFAULT } = message
  if (type !== DEFAULT && type !== REPLY) return 'system'
  if (isOwn(message, self)) return 'own'
  const sender = authorIdentity(message)
  if (sender === undefined) return 'anonymous'
  if (content === '' && embeds.length === 0) {
    // Discord blanks files along with the text; in direct channels it blanks nothing.
    return attachments.length === 0 && message.guild_id !== undefined && !hasOther(message) ? 'textless' : 'empty'
  }
  return {
    platform: 'discord',
    id: message.id,
    // Discord has trimmed it; whatever stood in front of a frame was a mention or nothing.
    text: content,
    cards: embeds,
    sender,
    conversation: channelAddress(message.channel_id),
  }
}

/** A channel, direct ones included. */
export function channelAddress(id: string): Address {
  return { platform: 'discord', kind: 'channel', id }
}

/** A sticker, a poll or a forwarded message explains why there is no text. */
function hasOther(message: DiscordMessage): boolean {
  const fields: Readonly<Record<string, unknown>> = { ...message }
  return ['sticker_items', 'poll', 'message_snapshots', 'activity'].some(name => {
    const value = fields[name]
    return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null
  })
}
