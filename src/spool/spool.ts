import type { ErrorCode, WgrokError } from '../errors.js'
import type { Address, Card } from '../protocol.js'

/** A call of an application (Mode A) that waits for its turn. */
export interface AppJob {
  /** Name of the application. */
  readonly app: string
  /** Slug that the answer is addressed to. */
  readonly answerTo: string
  /** Flags of the call as they stood on the wire, chunk position included; the answer carries the same letters. */
  readonly flags: string
  /** Slug and identity of the caller, for the application. */
  readonly from: string
  readonly sender: string
}

/** One accepted message that waits to leave the router. Plain data: it is what a durable spool writes down. */
export interface SpoolEntry {
  /** Unique; the same message accepted twice has the same id. Also the idempotency key of the send. */
  readonly id: string
  /** What is kept in order and sent one at a time: one destination. */
  readonly lane: string
  /** Absent when only a caller who waits for it over HTTP can be told. */
  readonly to?: Address
  /** The response frame, cut out of the echo frame as it came; for a job, what the application gets. */
  readonly text: string
  /** Present when an application is to be called with the text, and its answer sent to {@link to}. */
  readonly job?: AppJob
  readonly cards?: readonly Card[]
  /** Who is answered; see `OutboundMessage.mention`. */
  readonly mention?: Address
  /** Account that heard the message. It is in that conversation; the platform's other accounts may not be. */
  readonly via?: string
  /** Caller who may be waiting for the reply over HTTP. */
  readonly waiter?: string
  /** Milliseconds since 1970. */
  readonly acceptedAt: number
}

/** Whether an entry is new, or is known by its id and was left out. */
export type Appended = 'accepted' | 'duplicate'

/** The head of a lane, lent to the one who sends it. Exactly one of its functions is called, once. */
export interface Delivery {
  readonly entry: SpoolEntry
  /** How often the entry was lent before. More than 0 after a crash: the platform may have it already. */
  readonly redelivered: number
  /**
   * Sent: the entry is gone, and its lane may be taken from. Never rejects. With lmdb it resolves when that is on disk,
   * or the disk has refused it; with NATS at once, and what is lost on the way there is lent again.
   */
  ack(): void | Promise<void>
  /** Given up: the entry moves to the dead letters. */
  bury(reason: DeathCause): void | Promise<void>
  /** Not sent after all: the entry stays the head of its lane. */
  release(): void | Promise<void>
}

/** Why a message became a dead letter. Never holds content. */
export interface DeathCause {
  readonly code: ErrorCode
  readonly detail: string
}

/** A message that could not be delivered. */
export interface DeadLetter extends DeathCause {
  readonly entry: SpoolEntry
  /** Milliseconds since 1970. */
  readonly diedAt: number
}

/** What a spool holds. */
export interface SpoolStats {
  /** Messages that wait, those lent included. */
  readonly messages: number
  /** Bytes of them, so far as the spool counts bytes. */
  readonly bytes: number
  /** Lanes with something in them. */
  readonly lanes: number
  readonly dead: number
  /** Messages dropped since the start because a lane was full. Always 0 for a durable spool. */
  readonly dropped: number
  /** Why new messages are refused now; undefined while they are taken. */
  readonly refusing: WgrokError | undefined
}

/** What waits in one lane. */
export interface LaneStats {
  readonly lane: string
  readonly messages: number
  readonly held: boolean
}

/**
 * Where accepted messages wait. Lanes are independent of each other and strictly in order inside.
 *
 * Three implementations pass one suite: memory, lmdb, NATS JetStream.
 */
export interface Spool {
  readonly name: 'memory' | 'lmdb' | 'nats'
  /** Whether what was accepted survives the process. */
  readonly durable: boolean
  /** Calls `ready` for every lane that has something to take, then whenever one may have. Once. */
  start(ready: (lane: string) => void): void | Promise<void>
  /**
   * Accepts an entry; a durable spool returns once it is on disk.
   *
   * @throws WgrokError `spool-full`; `spool-failed` when it cannot be written; `target-invalid` when its lane or id is
   *   too long; `body-too-large` when NATS never takes it; `closed`. The entry is not accepted then.
   */
  append(entry: SpoolEntry): Appended | Promise<Appended>
  /** Lends the head of a lane; `undefined` when the lane is empty, or its head is lent already. */
  take(lane: string): Delivery | undefined | Promise<Delivery | undefined>
  /** Remembers that a lane is held, so that it stays held over a restart. Taking is up to the caller. */
  hold(lane: string, held: boolean): void | Promise<void>
  isHeld(lane: string): boolean
  /** Lanes that are held. */
  held(): readonly string[]
  lanes(): readonly LaneStats[] | Promise<readonly LaneStats[]>
  stats(): SpoolStats
  /** Dead letters, oldest first. */
  dead(limit?: number): readonly DeadLetter[] | Promise<readonly DeadLetter[]>
  /** Moves a dead letter back to the end of its lane. False when there is none of that id. */
  replay(id: string): boolean | Promise<boolean>
  /** Deletes a dead letter. False when there is none of that id. */
  discard(id: string): boolean | Promise<boolean>
  /** Idempotent. What is lent counts as not sent. */
  close(): void | Promise<void>
}
