import { LIMITS } from '../../generated/limits.js'

/** Limits of a bridge server or client. Every default is a row of the spec. */
export interface BridgeLimits {
  /** Largest envelope in bytes. */
  readonly payload: number
  /** Unsent bytes held for one connection. The server closes it as slow; the client makes senders wait. */
  readonly buffered: number
  /** Connections that one server accepts. */
  readonly connections: number
  /** Milliseconds until a connection must have registered. */
  readonly registerTimeout: number
  /** Milliseconds of silence after which a ping is sent. */
  readonly pingInterval: number
  /** Milliseconds that a ping may stay unanswered. */
  readonly pongTimeout: number
  /** Messages of one connection that may be with their handler at once; then the socket is not read. */
  readonly inflight: number
  /** Session keys that the server remembers for one connection. */
  readonly sessions: number
  /** Milliseconds that a peer has to answer a close before its socket is destroyed. */
  readonly closeTimeout: number
  /** Envelopes that a client holds while it is offline or unacknowledged; then new ones are refused. */
  readonly queued: number
  /** Bytes of those envelopes. */
  readonly queuedBytes: number
  /** Unacknowledged envelopes that the server keeps for a connection that can resume. */
  readonly window: number
  /** Bytes of those envelopes. */
  readonly windowBytes: number
  /** Milliseconds that the server keeps the place of a dropped connection that can resume. */
  readonly resumeTtl: number
  /** Dropped connections whose place the server keeps at once. */
  readonly detached: number
  /** Received envelopes after which an acknowledgement is sent at once. */
  readonly ackEvery: number
  /** Milliseconds that an acknowledgement waits at most. */
  readonly ackDelay: number
}

/** The defaults. */
export const BRIDGE_LIMITS: BridgeLimits = Object.freeze({
  payload: LIMITS.bridgePayload,
  buffered: LIMITS.bridgeBuffered,
  connections: LIMITS.bridgeConnections,
  registerTimeout: LIMITS.registerTimeout,
  pingInterval: LIMITS.pingInterval,
  pongTimeout: LIMITS.pongTimeout,
  inflight: LIMITS.bridgeInflight,
  sessions: LIMITS.bridgeSessions,
  closeTimeout: LIMITS.bridgeCloseTimeout,
  queued: LIMITS.bridgeQueue,
  queuedBytes: LIMITS.bridgeQueueBytes,
  window: LIMITS.bridgeWindow,
  windowBytes: LIMITS.bridgeWindowBytes,
  resumeTtl: LIMITS.bridgeResumeTtl,
  detached: LIMITS.bridgeDetached,
  ackEvery: LIMITS.bridgeAckEvery,
  ackDelay: LIMITS.bridgeAckDelay,
})
