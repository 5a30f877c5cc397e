import type { Identity } from '../access/identity.js'
import type { Address, Card, FrameLimit, Platform } from '../protocol.js'

/** What a transport is asked to deliver: one frame, and cards where the platform shows them. */
export interface OutboundMessage {
  /** The whole text of the chat message. Already fits {@link Transport.limit}. */
  readonly text: string
  readonly cards?: readonly Card[]
  /** Who the message answers. In a Webex group room the transport mentions it, so that a bot hears it. */
  readonly mention?: Address
}

/** What a transport heard. Own messages, edits and system messages never get this far. */
export interface InboundMessage {
  readonly platform: Platform
  /** The platform's id of the message, unique together with {@link platform}. What dedupe goes by. */
  readonly id: string
  /** The id was made up on arrival: the message cannot come again, so dedupe need not remember it. */
  readonly freshId?: boolean | undefined
  /** The text as it was sent: platform escaping undone, mention still in front. */
  readonly text: string
  readonly cards: readonly Card[]
  readonly sender: Identity
  /** Where an answer goes: the conversation that the message came from. */
  readonly conversation: Address
  /** Display names of ours that the text may begin with, when the platform puts a mention into the text. */
  readonly mentions?: readonly string[]
}

/** Proof that the platform took a message. */
export interface Receipt {
  /** The platform's id of the sent message. */
  readonly messageId: string
  /** The platform's answer as parsed JSON; `null` where there is none. */
  readonly platformResponse: unknown
}

/** Options of one send. */
export interface SendOptions {
  readonly signal: AbortSignal
  /** Same key, same message: a transport whose platform knows idempotency passes it on. */
  readonly idempotencyKey: string
  /**
   * Present when an earlier attempt may have arrived, unknown to the sender: milliseconds since 1970 before which none was
   * made. A transport whose platform knows no idempotency looks for the message there, where it can.
   */
  readonly maybeSentSince?: number | undefined
}

/** Life-cycle of a transport's connection, as one discriminated union. */
export type TransportStatus =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly since: number }
  /** The socket is open, but nothing came for longer than the platform should be silent. */
  | { readonly state: 'stale'; readonly lastFrameAt: number }
  | { readonly state: 'reconnecting'; readonly attempt: number; readonly delayMs: number; readonly error?: Error }
  /** Given up: the cause is not temporary. */
  | { readonly state: 'failed'; readonly error: Error }
  | { readonly state: 'closed' }

/**
 * One account on one platform. Everything above it is platform-neutral.
 *
 * `send` rejects with a `WgrokError`; `retryable` says whether the caller may try again.
 * `listen` resolves once live; the platform is acked only after `deliver` has resolved, and a rejected `deliver`
 * leaves the message unacked where the platform would then repeat it.
 */
export interface Transport {
  readonly platform: Platform
  /** Largest frame right now, in the platform's own unit. */
  readonly limit: FrameLimit
  send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt>
  listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void>
  /** Every change of state from now on, beginning with the present one; ends after `closed`. */
  status(): AsyncIterable<TransportStatus>
  /** Idempotent. Resolves when sockets and timers are gone. */
  close(): Promise<void>
}
