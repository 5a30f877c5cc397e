import { Refusal } from './refusal.js'
import type { EmulatedSlackApp, EmulatedSlackMessage, Workspace } from './workspace.js'
import { HISTORY_SCOPES } from './workspace.js'

type Args = Readonly<Record<string, unknown>>

const DEFAULT_LIMIT = 100
const CURSOR = 'next:'

/** What is listed. */
export interface Listing {
  readonly workspace: Workspace
  /** Messages on a page, whatever is asked for. */
  readonly pageMax: number
  /** Timestamp of the message that starts the thread; undefined for a conversation without its threads. */
  readonly thread: string | undefined
}

/** A page of a conversation, the newest first, or of a thread with the message that starts it, the oldest first. */
export function listMessages(args: Args, app: EmulatedSlackApp, { pageMax, thread, workspace }: Listing): Args {
  const channel = workspace.channels.get(String(args['channel']))
  const member = channel?.members.has(app.botUserId) === true
  if (channel === undefined || (!member && channel.kind !== 'channel')) throw new Refusal('channel_not_found')
  const needed = HISTORY_SCOPES[channel.kind]
  if (!app.scopes.has(needed)) throw new Refusal('missing_scope', { needed, provided: [...app.scopes].join(',') })
  if (!member) throw new Refusal('not_in_channel')
  const here = workspace.messages.filter(message => message.channel === channel.id)
  if (thread !== undefined && !here.some(({ ts }) => ts === thread)) throw new Refusal('thread_not_found')
  const shown = here.filter(message => {
    if (thread === undefined) return !isReply(message) && isBetween(message, args)
    return message.ts === thread || (message['thread_ts'] === thread && isBetween(message, args))
  })
  if (thread === undefined) shown.reverse()
  const limit = args['limit'] === undefined ? DEFAULT_LIMIT : Number(args['limit'])
  if (!Number.isInteger(limit) || limit < 1 || limit > 999) throw new Refusal('invalid_limit')
  const start = startOf(args['cursor'], shown)
  const end = start + Math.min(limit, pageMax)
  const next = shown[end]
  return {
    messages: shown.slice(start, end).map(message => view(message, args['include_all_metadata'])),
    has_more: next !== undefined,
    ...(next === undefined ? {} : { response_metadata: { next_cursor: cursorTo(next) } }),
  }
}

function isReply({ thread_ts, ts }: EmulatedSlackMessage): boolean {
  return thread_ts !== undefined && thread_ts !== ts
}

function isBetween({ ts }: EmulatedSlackMessage, args: Args): boolean {
  const { inclusive, latest = Number.POSITIVE_INFINITY, oldest = 0 } = args
  const [time, from, to] = [Number(ts), Number(oldest), Number(latest)]
  return (time > from && time < to) || (isTrue(inclusive) && (time === from || time === to))
}

function cursorTo(message: EmulatedSlackMessage): string {
  return Buffer.from(`${CURSOR}${message.ts}`).toString('base64')
}

function startOf(cursor: unknown, shown: readonly EmulatedSlackMessage[]): number {
  if (cursor === undefined || cursor === '') return 0
  const start = shown.findIndex(message => cursorTo(message) === cursor)
  if (start < 0) throw new Refusal('invalid_cursor')
  return start
}

/** A stored message has no word on where it is, and its metadata only for those who ask. */
function view(stored: EmulatedSlackMessage, includeMetadata: unknown): Args {
  const { channel: _channel, channel_type: _type, event_ts: _event, metadata, ...message } = stored
  return metadata !== undefined && isTrue(includeMetadata) ? { ...message, metadata } : message
}

function isTrue(value: unknown): boolean {
  return value === true || value === 'true' || value === '1'
}
