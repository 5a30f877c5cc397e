import type { DiscordCommand, DiscordInteraction, DiscordInteractionResponse } from '../../../generated/models.js'
import type { InboundMessage } from '../transport.js'
import { userIdentity } from './identity.js'
import { channelAddress } from './inbound.js'

/** Name of the slash command, and of the form that it opens. */
const NAME = 'wgrok'
/** Name of the option and of the form's field. */
const FIELD = 'text'
const OPTION_MAX = 6000
const FORM_MAX = 4000
/** Only the person who asked sees the answer. */
const EPHEMERAL = 64

/** Kinds of interaction. */
export const INTERACTION = { ping: 1, command: 2, autocomplete: 4, form: 5 } as const
/** Kinds of answer. */
const ANSWER = { pong: 1, message: 4, later: 5, choices: 8, form: 9 } as const

/** The command that `wgrok discord register` registers. */
export const WGROK_COMMAND: DiscordCommand = {
  name: NAME,
  description: 'Send a frame',
  type: 1,
  options: [
    {
      type: 3,
      name: FIELD,
      description: 'The frame; leave it out to be asked for several lines.',
      required: false,
      max_length: OPTION_MAX,
    },
  ],
}

/**
 * What an interaction says.
 *
 * @returns the message, or why there is none: `form` when it asks for the form, `foreign` when it is none of ours.
 */
export function readInteraction(interaction: DiscordInteraction): InboundMessage | 'form' | 'foreign' {
  const { channel_id: channelId, data, id, type } = interaction
  const user = interaction.member?.user ?? interaction.user
  if (id === undefined || channelId === undefined || user === undefined || data === undefined) return 'foreign'
  let text: string | undefined
  if (type === INTERACTION.command && data.name === NAME) {
    text = fieldValue(data.options ?? [], 'name')
    if (text === undefined) return 'form'
  } else if (type === INTERACTION.form && data.custom_id === NAME) {
    text = fieldValue((data.components ?? []).flatMap(fieldsOf), 'custom_id')
  }
  if (text === undefined) return 'foreign'
  return {
    platform: 'discord',
    id,
    text,
    cards: [],
    sender: userIdentity(user),
    conversation: channelAddress(channelId),
  }
}

/** A message that only the person who asked sees. */
export function answerText(content: string): DiscordInteractionResponse {
  return { type: ANSWER.message, data: { content, flags: EPHEMERAL, allowed_mentions: { parse: [] } } }
}

/** Answer to a ping. */
export function answerPing(): DiscordInteractionResponse {
  return { type: ANSWER.pong }
}

/** The answer comes later. */
export function answerLater(): DiscordInteractionResponse {
  return { type: ANSWER.later, data: { flags: EPHEMERAL } }
}

/** No suggestions. */
export function answerNoChoices(): DiscordInteractionResponse {
  return { type: ANSWER.choices, data: { choices: [] } }
}

/** A form with room for several lines, which an option has not. */
export function answerForm(): DiscordInteractionResponse {
  const component = { type: 4, custom_id: FIELD, style: 2, required: true, max_length: FORM_MAX }
  return {
    type: ANSWER.form,
    data: { custom_id: NAME, title: NAME, components: [{ type: 18, label: 'Frame', component }] },
  }
}

type Item = Readonly<Record<string, unknown>>

/** A label holds one field, an action row, the older form, a list of them. */
function fieldsOf(component: Item): Item[] {
  const { component: field, components } = component
  if (isItem(field)) return [field]
  return Array.isArray(components) ? components.filter(isItem) : []
}

function fieldValue(items: readonly Item[], key: 'name' | 'custom_id'): string | undefined {
  const value = items.find(item => item[key] === FIELD)?.['value']
  return typeof value === 'string' ? value : undefined
}

function isItem(value: unknown): value is Item {
  return typeof value === 'object' && value !== null
}
