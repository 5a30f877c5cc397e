import type { WebexActivity, WebexAttachmentAction, WebexMessage } from '../../../generated/models.js'
import type { Address, Card } from '../../protocol.js'
import { restFailure } from '../../transport/http.js'
import type { InboundMessage } from '../../transport/transport.js'
import { webexFailure } from '../../transport/webex/api.js'
import type { WebexSelf } from '../../transport/webex/identity.js'
import { rawId, readId, writeId } from '../../transport/webex/ids.js'
import { cardsOf, readAction, readActivity, readMessage } from '../../transport/webex/inbound.js'
import { messageBody } from '../../transport/webex/outbound.js'
import { verifyWebexSignature } from '../../transport/webex/webhook.js'
import { count, record, records, text } from '../input.js'
import type { Input, Operation } from '../testee.js'

/** What Webex is sent, and what is made of what it sends. */
export const WEBEX_OPS: Readonly<Record<string, Operation>> = {
  'webex.readId': input => readId(text(input, 'id')) ?? null,
  'webex.rawId': input => rawId(text(input, 'id')),
  'webex.writeId': input =>
    writeId({ cluster: text(input, 'cluster'), type: text(input, 'type'), uuid: text(input, 'uuid') }),
  'webex.body': bodyOf,
  'webex.cards': input => cardsOf(record(input, 'message') as unknown as WebexMessage),
  'webex.activity': input => readActivity(record(input, 'activity') as unknown as WebexActivity, selfOf(input)) ?? null,
  'webex.message': input => shown(readMessage(record(input, 'message') as unknown as WebexMessage, selfOf(input))),
  'webex.action': input =>
    readAction(record(input, 'action') as unknown as WebexAttachmentAction, text(input, 'email')).map(shown),
  'webex.failure': failureOf,
  'webex.verify': verify,
}

function bodyOf(input: Input): unknown {
  const cards = input['cards'] === undefined ? [] : (records(input, 'cards') as readonly Card[])
  const mention = input['mention'] === undefined ? {} : { mention: addressOf(record(input, 'mention')) }
  return messageBody(addressOf(record(input, 'to')), { text: text(input, 'text'), cards, ...mention })
}

function addressOf(address: Input): Address {
  return { platform: 'webex', ...address } as unknown as Address
}

function selfOf(input: Input): WebexSelf {
  const { uuid } = record(input, 'self')
  return { uuid: String(uuid), email: 'router@webex.bot', names: ['router'], bot: true }
}

/** A message without what another implementation may name differently. */
function shown(message: InboundMessage | undefined): unknown {
  if (message === undefined) return null
  const { id, text: frame, cards, conversation, sender } = message
  return { id, text: frame, cards, conversation, principals: sender.principals }
}

function failureOf(input: Input): unknown {
  const { body, retryAfter } = input
  const header = (name: string): string | undefined => (name === 'retry-after' ? (retryAfter as string) : undefined)
  const failure = { operation: 'webexCreateMessage', status: count(input, 'status') ?? 0, body, header }
  const { code, retryable, retryAfterMs } = webexFailure(failure) ?? restFailure(failure)
  return { code, retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
}

function verify(input: Input): boolean {
  const call = {
    headers: { 'x-spark-signature': text(input, 'signature') },
    rawBody: Buffer.from(text(input, 'body')),
  }
  verifyWebexSignature(call, text(input, 'secret'))
  return true
}
