import type { DiscordInteraction, DiscordMessage } from '../../../generated/models.js'
import { WgrokError } from '../../errors.js'
import type { Card } from '../../protocol.js'
import { judge } from '../../transport/discord/ending.js'
import { discordFailure } from '../../transport/discord/failure.js'
import type { DiscordSelf } from '../../transport/discord/identity.js'
import { readMessage } from '../../transport/discord/inbound.js'
import { readInteraction } from '../../transport/discord/interaction.js'
import { messageBody, nonceOf } from '../../transport/discord/outbound.js'
import { readPublicKey, verifyDiscordSignature } from '../../transport/discord/webhook.js'
import { restFailure } from '../../transport/http.js'
import { retry } from '../../transport/retry.js'
import type { InboundMessage } from '../../transport/transport.js'
import { count, record, records, text } from '../input.js'
import type { Input, Operation } from '../testee.js'
import { notedClock } from './noted-clock.js'

/** What Discord is sent, and what is made of what it sends. */
export const DISCORD_OPS: Readonly<Record<string, Operation>> = {
  'discord.body': bodyOf,
  'discord.sameNonce': input =>
    nonceOf(text(input, 'channelA'), text(input, 'keyA')) === nonceOf(text(input, 'channelB'), text(input, 'keyB')),
  'discord.send': send,
  'discord.message': input =>
    shown(
      readMessage(
        record(input, 'message') as unknown as DiscordMessage,
        record(input, 'self') as unknown as DiscordSelf,
      ),
    ),
  'discord.interaction': input => shown(readInteraction(record(input, 'interaction') as unknown as DiscordInteraction)),
  'discord.close': closeOf,
  'discord.verify': verify,
}

/** The body of a message; of the nonce only the length counts, since every implementation may derive its own. */
function bodyOf(input: Input): unknown {
  const cards = input['cards'] === undefined ? [] : (records(input, 'cards') as readonly Card[])
  const repeat = count(input, 'repeat') ?? 1
  const { nonce = '', ...body } = messageBody({ text: text(input, 'text').repeat(repeat), cards }, '1234', 'key')
  return { ...body, nonceFits: nonce.length > 0 && nonce.length <= 25 }
}

/** Sends into a list of answers `{status, headers, body}`: how often it tried, how long it waited, what came of it. */
async function send(input: Input): Promise<unknown> {
  const answers = [...records(input, 'answers')]
  const waits: number[] = []
  let attempts = 0
  const options = { clock: notedClock(waits), random: () => 0.5 }
  const messageId = await retry(async () => readAnswer(answers[attempts++]), options)
  return { messageId, attempts, waits }
}

async function readAnswer(answer: Input | undefined): Promise<unknown> {
  if (answer === undefined) throw new TypeError('case input: too few answers')
  const status = count(answer, 'status') ?? 200
  if (status === 200) return record(answer, 'body')['id']
  const headers = answer['headers'] === undefined ? {} : record(answer, 'headers')
  const header = (name: string): string | undefined => headers[name] as string | undefined
  const failure = { operation: 'discordCreateMessage', status, body: answer['body'], header }
  throw discordFailure(failure) ?? restFailure(failure)
}

/** What follows a close code; a fatal one is an error. */
function closeOf(input: Input): string {
  const verdict = judge({ how: 'closed', code: count(input, 'code') ?? 1006 })
  if (verdict.next === 'fail') throw verdict.error
  return verdict.next
}

/** A message without what another implementation may name differently. */
function shown(read: InboundMessage | string): unknown {
  if (typeof read === 'string') return null
  const { cards, conversation, id, sender, text: frame } = read
  return { id, text: frame, cards, conversation, principals: sender.principals }
}

function verify(input: Input): boolean {
  const headers = {
    'x-signature-timestamp': text(input, 'timestamp'),
    'x-signature-ed25519': text(input, 'signature'),
  }
  const call = { headers, rawBody: Buffer.from(text(input, 'body')) }
  const now = count(input, 'now')
  if (now === undefined) throw new WgrokError('internal', 'case input: now is missing')
  return verifyDiscordSignature(call, readPublicKey(text(input, 'publicKey')), now * 1000) !== ''
}
