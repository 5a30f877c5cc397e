import type { SlackEventCallback, SlackPostMessageReply, SlackSlashCommand } from '../../../generated/models.js'
import type { Card } from '../../protocol.js'
import { restFailure } from '../../transport/http.js'
import { retry } from '../../transport/retry.js'
import { slackFailure, slackHttpFailure } from '../../transport/slack/api.js'
import type { SlackSelf } from '../../transport/slack/identity.js'
import { type Heard, readCommand, readEvent, readInteraction } from '../../transport/slack/inbound.js'
import { postBody, readReceipt } from '../../transport/slack/outbound.js'
import { escapeText, unescapeText } from '../../transport/slack/text.js'
import { verifySlackSignature } from '../../transport/slack/webhook.js'
import type { Receipt } from '../../transport/transport.js'
import { count, record, records, text } from '../input.js'
import type { Input, Operation } from '../testee.js'
import { notedClock } from './noted-clock.js'

/** What Slack is sent, and what is made of what it sends. */
export const SLACK_OPS: Readonly<Record<string, Operation>> = {
  'slack.escape': input => escapeText(text(input, 'text')),
  'slack.unescape': input => unescapeText(text(input, 'text')),
  'slack.body': bodyOf,
  'slack.send': send,
  'slack.event': input => shown(readEvent(record(input, 'callback') as unknown as SlackEventCallback, selfOf(input))),
  'slack.command': input => shown(readCommand(record(input, 'command') as unknown as SlackSlashCommand, 'id')),
  'slack.interaction': input => readInteraction(record(input, 'payload'), 'id').map(shown),
  'slack.verify': verify,
}

function bodyOf(input: Input): unknown {
  const cards = input['cards'] === undefined ? [] : (records(input, 'cards') as readonly Card[])
  const thread = input['thread'] === undefined ? undefined : text(input, 'thread')
  return postBody(text(input, 'channel'), { text: text(input, 'text'), cards }, thread)
}

/** Sends into a list of answers `{status, retryAfter, body}`: how often it tried, how long it waited, what came of it. */
async function send(input: Input): Promise<unknown> {
  const answers = [...records(input, 'answers')]
  const waits: number[] = []
  let attempts = 0
  const receipt = await retry(async () => readAnswer(answers[attempts++]), {
    clock: notedClock(waits),
    random: () => 0.5,
  })
  return { messageId: receipt.messageId, attempts, waits }
}

async function readAnswer(answer: Input | undefined): Promise<Receipt> {
  if (answer === undefined) throw new TypeError('case input: too few answers')
  const status = count(answer, 'status') ?? 200
  const { body, retryAfter } = answer
  if (status !== 200) {
    const header = (name: string): string | undefined => (name === 'retry-after' ? (retryAfter as string) : undefined)
    const failure = { operation: 'slackPostMessage', status, body, header }
    throw slackHttpFailure(failure) ?? restFailure(failure)
  }
  const reply = body as SlackPostMessageReply
  if (!reply.ok) throw slackFailure('slackPostMessage', reply)
  return readReceipt(reply, 'C1')
}

function selfOf(input: Input): SlackSelf {
  const { userId, botId, teamId } = record(input, 'self')
  return { userId: String(userId), botId: botId === undefined ? undefined : String(botId), teamId: String(teamId) }
}

/** A message without what another implementation may name differently. */
function shown(heard: Heard | undefined): unknown {
  if (heard === undefined) return null
  const { message, author } = heard
  const { text: frame, cards, conversation } = message
  return { text: frame, cards, conversation, author }
}

function verify(input: Input): boolean {
  const headers = {
    'x-slack-request-timestamp': text(input, 'timestamp'),
    'x-slack-signature': text(input, 'signature'),
  }
  const call = { headers, rawBody: Buffer.from(text(input, 'body')) }
  return verifySlackSignature(call, text(input, 'secret'), (count(input, 'now') ?? 0) * 1000) !== ''
}
