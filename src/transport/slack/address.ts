import { WgrokError } from '../../errors.js'
import type { Address } from '../../protocol.js'

/** Conversation of a message, thread included, as answers address it. */
export function conversationAddress(channel: string, thread?: string): Address {
  return { platform: 'slack', kind: 'channel', id: channel, ...(thread === undefined ? {} : { thread }) }
}

/** The direct conversation with a user. */
export function userAddress(user: string): Address {
  return { platform: 'slack', kind: 'user', id: user }
}

/** @throws WgrokError `target-invalid` for an address of another platform, or of a kind that Slack does not know. */
export function checkAddress(to: Address): void {
  if (to.platform !== 'slack') throw new WgrokError('target-invalid', 'Slack reaches Slack addresses only')
  if (to.kind !== 'channel' && to.kind !== 'user' && to.kind !== 'email') {
    throw new WgrokError('target-invalid', 'Slack reaches channels, users and e-mail addresses')
  }
}
