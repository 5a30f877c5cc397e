import type { BridgeEnvelope, BridgeMessage, BridgeMetadata, BridgeReply } from '../../generated/models.js'
import type { EventFields, MessageFields, ReplyFields } from './envelope.js'
import { idOf } from './outgoing.js'

/** One conversation over a bridge connection: everything sent by it carries its session key. */
export interface BridgeSession {
  /** Id of the connection; stays the same when a connection resumes. */
  readonly connection: string
  /** Platform name of the adapter at the other end, or our own on a client. */
  readonly platform: string
  /** Id of what is being answered, the same when it is sent again; undefined when the peer cannot resume. */
  readonly id: string | undefined
  /** `session_key` of what is being answered, if it has one. */
  readonly key: string | undefined
  /** What the adapter declared that it can show. */
  readonly capabilities: ReadonlySet<string>
  /** Sends a `message`. @throws WgrokError `connection-lost`, `slow-consumer`, `closed`. */
  send(message: string | MessageFields): Promise<void>
  /** Sends a `reply`. @throws as {@link send}. */
  reply(reply: string | ReplyFields): Promise<void>
  /** Sends an `event`. Events that need a capability are dropped when the adapter lacks it. @throws as {@link send}. */
  event(name: string, fields?: EventFields): Promise<void>
  /** Shows that an answer is being written. */
  typing(): Promise<void>
  /** Sends an answer in parts. */
  stream(): BridgeStream
}

/** An answer in parts: `stream_start`, `stream_chunk` for each part, `stream_end`. */
export interface BridgeStream {
  /** Sends one part. The first one starts the stream. */
  write(content: string): Promise<void>
  /** Ends the stream, with the whole text for those who did not follow, when given. Idempotent. */
  end(content?: string): Promise<void>
}

/** What a handler of messages may return: the answer, or nothing. */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement is a handler without an answer.
export type Answer = string | ReplyFields | undefined | void

/** Called for each `message`. Its return value is sent as `reply`. */
export type MessageHandler = (message: BridgeMessage, session: BridgeSession) => Answer | Promise<Answer>
/** Called for each `reply`. */
export type ReplyHandler = (reply: BridgeReply, session: BridgeSession) => void | Promise<void>

/** What a session is made of. */
export interface SessionOptions {
  readonly connection: string
  readonly platform: string
  readonly capabilities: ReadonlySet<string>
  /** Id of the envelope, when both sides resume. */
  readonly id: unknown
  /** What is being answered. */
  readonly about: { readonly session_key?: string; readonly metadata?: BridgeMetadata }
  write(envelope: BridgeEnvelope): Promise<void>
}

/** A session that answers what came in. */
export function createSession(options: SessionOptions): BridgeSession {
  const { connection, platform, capabilities, about, write } = options
  const key = about.session_key
  const where = { ...(key === undefined ? {} : { session_key: key }), ...placeOf(about.metadata) }
  const event = (name: string, fields: EventFields = {}): Promise<void> =>
    write({ type: 'event', event: name, ...where, ...fields })
  return {
    connection,
    platform,
    id: idOf({ id: options.id }),
    key,
    capabilities,
    send: message => write({ type: 'message', ...where, ...fieldsOf(message) }),
    reply: reply => write({ type: 'reply', ...where, ...fieldsOf(reply) }),
    event,
    typing: () => event('typing'),
    stream: () => createStream(event),
  }
}

/** A stream over anything that sends events. */
export function createStream(event: (name: string, fields?: EventFields) => Promise<void>): BridgeStream {
  let state: 'new' | 'open' | 'ended' = 'new'
  const start = async (): Promise<void> => {
    if (state !== 'new') return
    state = 'open'
    await event('stream_start')
  }
  return {
    async write(content) {
      if (state === 'ended') return
      // Both are handed over in one turn, so that nothing gets between start and part.
      await Promise.all([start(), event('stream_chunk', { data: { content } })])
    },
    async end(content) {
      if (state === 'ended') return
      const started = start()
      state = 'ended'
      await Promise.all([started, event('stream_end', content === undefined ? {} : { data: { content } })])
    },
  }
}

/** The fields of what a caller wrote as text or as fields. */
export function fieldsOf<F extends { content?: string }>(content: string | F): F | { readonly content: string } {
  return typeof content === 'string' ? { content } : content
}

/** Where an answer goes on the adapter's platform; who asked is not repeated. */
function placeOf(metadata: BridgeMetadata | undefined): { readonly metadata?: BridgeMetadata } {
  const { room_id, thread_id } = metadata ?? {}
  if (room_id === undefined && thread_id === undefined) return {}
  return {
    metadata: {
      ...(room_id === undefined ? {} : { room_id }),
      ...(thread_id === undefined ? {} : { thread_id }),
    },
  }
}
