import type { DiscordMessage, DiscordUser } from '../../../generated/models.js'
import type { Identity } from '../../access/identity.js'

/** `42@discord` for a person, `43@bot.discord` for a bot: the id never changes, names do. */
export function userIdentity(user: DiscordUser): Identity {
  return { principals: [`${user.id}@${user.bot === true ? 'bot.discord' : 'discord'}`] }
}

/**
 * Who wrote a message. A webhook chooses its author's name and picture freely, so only its own id counts:
 * `77@webhook.discord`. Undefined without an author.
 */
export function authorIdentity(message: DiscordMessage): Identity | undefined {
  if (message.webhook_id !== undefined) return { principals: [`${message.webhook_id}@webhook.discord`] }
  return message.author === undefined ? undefined : userIdentity(message.author)
}

/** Who we are, as READY tells. */
export interface DiscordSelf {
  readonly userId: string
  readonly applicationId: string | undefined
}

/** Whether we wrote a message ourselves: as the bot, or as the application that answers an interaction. */
export function isOwn(message: DiscordMessage, self: DiscordSelf): boolean {
  if (message.application_id !== undefined && message.application_id === self.applicationId) return true
  return message.webhook_id === undefined && message.author?.id === self.userId
}
