import type { WebexActivity, WebexAttachmentAction, WebexMessage } from '../../../generated/models.js'
import type { Card } from '../../protocol.js'
import type { InboundMessage } from '../transport.js'
import { roomAddress } from './address.js'
import { identify, type WebexSelf } from './identity.js'
import { rawId } from './ids.js'
import { CARD_TYPE } from './outbound.js'

/** What has to be read before an activity is a message. */
export type Announced =
  | { readonly kind: 'message'; readonly uuid: string; readonly room: string; readonly host: string }
  | { readonly kind: 'action'; readonly uuid: string; readonly room: string; readonly host: string }

/** Verbs that say something new. `share` announces a file, which may come with a text. */
const SPEAKING: ReadonlyMap<string, Announced['kind']> = new Map([
  ['post', 'message'],
  ['share', 'message'],
  ['cardAction', 'action'],
])

/** What an activity announces; undefined for edits, our own messages and everything that is none. */
export function readActivity(activity: WebexActivity, self: WebexSelf): Announced | undefined {
  const kind = SPEAKING.get(activity.verb)
  const { actor, target, parent } = activity
  if (kind === undefined || target?.id === undefined) return undefined
  // An edit is a post whose parent is the original: it would run the frame a second time.
  if (parent?.type === 'edit') return undefined
  if (isOwn(actor?.entryUUID ?? actor?.id, self)) return undefined
  return { kind, uuid: activity.id, room: target.id, host: hostOf(target.url) }
}

/** A message as the API gives it; undefined for our own and for one without text. */
export function readMessage(message: WebexMessage, self: WebexSelf): InboundMessage | undefined {
  if (isOwn(message.personId, self)) return undefined
  const text = message.text ?? ''
  const cards = cardsOf(message)
  if (text === '' && cards.length === 0) return undefined
  return {
    platform: 'webex',
    id: message.id,
    text,
    cards,
    sender: identify(message.personEmail),
    conversation: roomAddress(message.roomId, message.parentId),
    // Only in a group does the text begin with the mention.
    ...(message.roomType === 'direct' ? {} : { mentions: self.names }),
  }
}

/** What was submitted with a card: the input called `text`, else whatever text inputs there are, one message each. */
export function readAction(action: WebexAttachmentAction, personEmail: string): readonly InboundMessage[] {
  const { inputs: all = {} } = action
  const text = all['text']
  const inputs = typeof text === 'string' ? [text] : Object.values(all)
  const texts = inputs.filter(one => typeof one === 'string' && one !== '') as string[]
  return texts.map((one, index) => ({
    platform: 'webex',
    id: index === 0 ? action.id : `${action.id}:${index}`,
    text: one,
    cards: [],
    sender: identify(personEmail),
    conversation: roomAddress(action.roomId),
  }))
}

/** Adaptive Cards of a message, without their envelopes. */
export function cardsOf(message: Pick<WebexMessage, 'attachments'>): readonly Card[] {
  return (message.attachments ?? []).flatMap(({ contentType, content }) =>
    contentType === CARD_TYPE && content !== undefined ? [content] : [],
  )
}

function isOwn(id: string | undefined, self: WebexSelf): boolean {
  return id !== undefined && rawId(id) === self.uuid
}

function hostOf(url: string | undefined): string {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : ''
}
