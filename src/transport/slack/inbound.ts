import type { SlackEvent, SlackEventCallback, SlackSlashCommand } from '../../../generated/models.js'
import type { Card } from '../../protocol.js'
import type { InboundMessage } from '../transport.js'
import { conversationAddress, userAddress } from './address.js'
import type { SlackAuthor, SlackSelf } from './identity.js'
import { unescapeText } from './text.js'

/** A message whose author is not looked up yet. */
export interface Heard {
  readonly message: Omit<InboundMessage, 'sender'>
  readonly author: SlackAuthor
  /** Whatever Slack may repeat the message under. */
  readonly ids: readonly string[]
}

/** Subtypes under which something new is said. All others edit, delete or announce. */
const SPEAKING: ReadonlySet<string> = new Set(['bot_message', 'file_share', 'thread_broadcast'])

/**
 * The message in an event; undefined for what is none: edits, deletions, joins, our own messages. Bots are heard.
 *
 * A message that mentions the app may come as `message` and as `app_mention`: its channel and timestamp are the same.
 */
export function readEvent(callback: SlackEventCallback, self: SlackSelf): Heard | undefined {
  const { event } = callback
  const { channel, ts, text } = event
  if (event.type !== 'message' && event.type !== 'app_mention') return undefined
  if (event.subtype !== undefined && !SPEAKING.has(event.subtype)) return undefined
  if (channel === undefined || ts === undefined || text === undefined) return undefined
  if (isOwn(event, self, callback.api_app_id)) return undefined
  const id = `${channel}:${ts}`
  return {
    message: {
      platform: 'slack',
      id,
      text: unescapeText(text),
      cards: cardsOf(event.blocks ?? []),
      conversation: conversationAddress(channel, event.thread_ts),
    },
    author: {
      user: event.user,
      bot: event.bot_id ?? event.bot_profile?.id,
      app: event.app_id ?? event.bot_profile?.app_id,
      team: event.user_team ?? event.team ?? callback.team_id,
    },
    ids: [callback.event_id, id],
  }
}

function isOwn(event: SlackEvent, self: SlackSelf, ownApp: string | undefined): boolean {
  if (event.user !== undefined && event.user === self.userId) return true
  if (event.bot_id !== undefined && event.bot_id === self.botId) return true
  return ownApp !== undefined && (event.app_id === ownApp || event.bot_profile?.app_id === ownApp)
}

/** Slack itself writes every text as a `rich_text` block as well. */
function cardsOf(blocks: readonly Card[]): readonly Card[] {
  return blocks.filter(block => block['type'] !== 'rich_text')
}

/**
 * The text of a slash command; undefined when there is none.
 *
 * @param id id of the envelope or request, for a command that brings none
 */
export function readCommand(command: SlackSlashCommand, id: string): Heard | undefined {
  const text = unescapeText(command.text ?? '')
  if (text === '') return undefined
  const key = `command:${command.trigger_id ?? id}`
  return {
    message: {
      platform: 'slack',
      id: key,
      text,
      cards: [],
      conversation: conversationAddress(command.channel_id),
    },
    author: { user: command.user_id, team: command.team_id },
    ids: [key],
  }
}

/**
 * What a button, menu or form says: the values of `block_actions`, the inputs of a `view_submission`. Shortcuts and
 * whatever else Slack calls interactive say nothing.
 *
 * A form belongs to no conversation: the answer goes to the one that its `private_metadata` names, else to the user.
 *
 * @param id id of the envelope or request, for a payload that brings none
 */
export function readInteraction(payload: Readonly<Record<string, unknown>>, id: string): readonly Heard[] {
  const user = textAt(payload, 'user', 'id')
  if (user === undefined) return []
  const texts = payload['type'] === 'view_submission' ? viewTexts(payload) : actionTexts(payload)
  const key = `interaction:${textAt(payload, 'trigger_id') ?? id}`
  const conversation = conversationOf(payload, user)
  const author = { user, team: textAt(payload, 'user', 'team_id') ?? textAt(payload, 'team', 'id') }
  return texts.map((text, index) => {
    const own = index === 0 ? key : `${key}:${index}`
    return { message: { platform: 'slack', id: own, text, cards: [], conversation }, author, ids: [own] }
  })
}

function actionTexts(payload: Readonly<Record<string, unknown>>): string[] {
  if (payload['type'] !== 'block_actions') return []
  const { actions } = payload
  return Array.isArray(actions) ? actions.map(inputText).filter(text => text !== undefined) : []
}

function viewTexts(payload: Readonly<Record<string, unknown>>): string[] {
  const blocks = at(payload, 'view', 'state', 'values')
  if (!isRecord(blocks)) return []
  const inputs = Object.values(blocks).flatMap(block => (isRecord(block) ? Object.values(block) : []))
  return inputs.map(inputText).filter(text => text !== undefined)
}

/** Value of one button, menu or input. */
function inputText(element: unknown): string | undefined {
  const text = textAt(element, 'value') ?? textAt(element, 'selected_option', 'value')
  return text === '' ? undefined : text
}

function conversationOf(payload: Readonly<Record<string, unknown>>, user: string): InboundMessage['conversation'] {
  const channel = textAt(payload, 'channel', 'id') ?? textAt(payload, 'container', 'channel_id')
  if (channel !== undefined) return conversationAddress(channel, textAt(payload, 'container', 'thread_ts'))
  const named = textAt(payload, 'view', 'private_metadata') ?? ''
  return /^[CDG][A-Z0-9]{1,31}$/.test(named) ? conversationAddress(named) : userAddress(user)
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' ? found : undefined
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const name of path) found = isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined
  return found
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
