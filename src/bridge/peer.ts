import { randomBytes, randomUUID } from 'node:crypto'
import type { BridgeResumeOffer, Capability } from '../../generated/models.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import { bitsOf, type CapabilityBits, readCapabilities } from './capabilities.js'
import type { Connection } from './connection.js'
import { writeEnvelope } from './envelope.js'
import { Intake } from './intake.js'
import type { BridgeLimits } from './limits.js'
import type { Outgoing } from './outgoing.js'
import { Acks, InCursor, type Kept, OutWindow, RESUME_BYTES_MAX, takeResume, withResume } from './resume.js'
import type { TokenProof } from './tokens.js'

/** What a {@link Peer} is made of. */
export interface PeerOptions {
  readonly platform: string
  readonly limits: BridgeLimits
  readonly clock: Clock
  readonly logger: Logger
}

/**
 * When a send counts as done. `handed`: the stream of a peer that can resume has it, or the socket of another. `acked`: a
 * peer that can resume has handled it; for another the system has it.
 */
export type Settle = 'handed' | 'acked'

interface Stream {
  readonly epoch: string
  readonly out: OutWindow
  cursor: InCursor
  acks: Acks | undefined
}

/**
 * A registered adapter, as the server sees it. It lives as long as its connection; one that can resume lives on without
 * a connection for a while, and what is sent to it waits.
 */
export class Peer {
  /** Never seen on the wire; what logs and handlers tell connections apart by. */
  readonly id: string = randomUUID()
  readonly platform: string
  readonly intake: Intake
  readonly #options: PeerOptions
  readonly #keys = new Map<string, true>()
  #capabilities: ReadonlySet<Capability> = new Set()
  #bits: CapabilityBits = 0
  #connection: Connection | undefined
  #proof: TokenProof | undefined
  #stream: Stream | undefined

  constructor(options: PeerOptions) {
    this.#options = options
    this.platform = options.platform
    this.intake = new Intake(options.limits.inflight, {
      hold: () => this.#connection?.hold(),
      release: () => this.#connection?.release(),
    })
  }

  get capabilities(): ReadonlySet<Capability> {
    return this.#capabilities
  }

  /** Whether there is a connection right now. */
  get attached(): boolean {
    return this.#connection !== undefined
  }

  /** What vouched for the present or last connection. */
  get proof(): TokenProof | undefined {
    return this.#proof
  }

  /** Name of the stream to this peer; undefined when it cannot resume. */
  get epoch(): string | undefined {
    return this.#stream?.epoch
  }

  /** Whether the peer can go on from where it says it is. */
  canResume(offer: BridgeResumeOffer): boolean {
    return this.#stream?.out.after(offer.ack ?? 0) !== undefined
  }

  /**
   * Takes a connection: for the first time, or after a drop. Confirms the registration and sends again what the peer
   * has not got, in one go, so that nothing new comes between.
   */
  attach(
    connection: Connection,
    capabilities: readonly string[] | undefined,
    offer: BridgeResumeOffer | undefined,
  ): void {
    this.#connection?.refuse('connection-lost', 'another connection goes on with this stream')
    this.#connection = connection
    this.#proof = connection.proof
    this.#capabilities = readCapabilities(capabilities)
    this.#bits = bitsOf(this.#capabilities)
    if (this.intake.held) connection.hold()
    if (offer === undefined) connection.confirm(undefined)
    else this.#resume(connection, offer)
  }

  /** The connection is gone. Returns whether the peer may come back. */
  detach(connection: Connection): 'kept' | 'gone' | 'replaced' {
    if (this.#connection !== connection) return 'replaced'
    this.#connection = undefined
    this.#stream?.acks?.stop()
    if (this.#stream === undefined) return 'gone'
    this.#stream.acks = undefined
    return 'kept'
  }

  /** Ends the peer. Returns how many envelopes will never arrive. */
  end(): number {
    this.#stream?.acks?.stop()
    return this.#stream?.out.close() ?? 0
  }

  /**
   * Sends one envelope. Nothing happens when the peer lacks what it needs.
   *
   * @returns undefined when that is done at once.
   * @throws WgrokError `connection-lost`, `slow-consumer`, `body-too-large`.
   */
  send(outgoing: Outgoing, settle: Settle = 'handed'): Promise<void> | undefined {
    const stream = this.#stream
    const bytes = outgoing.bytesFor(this.#bits, stream !== undefined)
    if (bytes === undefined) return undefined
    const limit = this.#options.limits.payload
    if (bytes.length + (stream === undefined ? 0 : RESUME_BYTES_MAX) > limit) {
      return Promise.reject(new WgrokError('body-too-large', `the envelope exceeds ${limit} bytes`))
    }
    if (stream === undefined) {
      const connection = this.#connection
      if (connection === undefined) return Promise.reject(new WgrokError('connection-lost', 'the adapter is gone'))
      return settle === 'handed' ? connection.post(bytes) : connection.send(bytes)
    }
    if (settle === 'handed') return this.#write(stream, stream.out.add(outgoing.id, bytes))
    return new Promise((done, reject) => {
      const lost = (): void => reject(new WgrokError('connection-lost', 'the adapter never acknowledged'))
      this.#write(stream, stream.out.add(outgoing.id, bytes, { done, lost }))
    })
  }

  /**
   * Reads and removes the fields of resume.
   *
   * @returns what to call when the envelope has been handled; undefined when there is nothing to handle.
   */
  accept(value: Record<string, unknown>): (() => void) | undefined {
    this.#remember(value['session_key'])
    const stream = this.#stream
    if (stream === undefined) return nothing
    const { ack, seq, only } = takeResume(value)
    if (ack !== undefined) stream.out.ack(ack)
    if (only) return undefined
    if (seq === undefined) return nothing
    const { cursor } = stream
    const arrival = cursor.accept(seq)
    if (arrival === 'again') return undefined
    if (arrival !== 'next')
      this.#options.logger.warn('bridge peer skipped numbers', { connection: this.id, ...arrival.gap })
    return () => {
      cursor.done(seq)
      if (stream.cursor === cursor) stream.acks?.owe()
    }
  }

  /** Whether the peer has used this session key lately. */
  holds(sessionKey: string): boolean {
    return this.#keys.has(sessionKey)
  }

  #resume(connection: Connection, offer: BridgeResumeOffer): void {
    const resumed = this.#stream !== undefined
    const stream = this.#open(offer)
    const replay = stream.out.after(resumed ? (offer.ack ?? 0) : 0)
    const first = replay?.envelopes[0]?.seq ?? stream.out.last + 1
    connection.confirm({
      epoch: stream.epoch,
      seq: first - 1,
      ack: stream.cursor.handled,
      resumed,
      ...(replay?.gap === undefined ? {} : { gap: replay.gap }),
    })
    stream.acks = this.#acks(stream.cursor)
    for (const kept of replay?.envelopes ?? []) this.#write(stream, kept)
  }

  #open(offer: BridgeResumeOffer): Stream {
    const { limits, logger } = this.#options
    this.#stream ??= {
      epoch: randomBytes(18).toString('base64url'),
      out: new OutWindow(limits.window, limits.windowBytes),
      cursor: new InCursor(offer.epoch, offer.seq),
      acks: undefined,
    }
    const stream = this.#stream
    stream.acks?.stop()
    if (stream.cursor.epoch !== offer.epoch) stream.cursor = new InCursor(offer.epoch, offer.seq)
    const gap = stream.cursor.skipTo(offer.seq)
    if (gap !== undefined) logger.warn('bridge peer lost some of what it sent', { connection: this.id, ...gap })
    return stream
  }

  #acks(cursor: InCursor): Acks {
    const { clock, limits } = this.#options
    return new Acks({
      cursor,
      clock,
      every: limits.ackEvery,
      delay: limits.ackDelay,
      send: ack => {
        this.#connection?.post(writeEnvelope({ type: 'event', event: 'ack', ack }))?.catch(nothing)
      },
    })
  }

  /** Resolves also when the connection fails: the stream has the envelope. */
  #write(stream: Stream, kept: Kept): Promise<void> | undefined {
    const connection = this.#connection
    return connection?.post(withResume(kept.bytes, kept.id, kept.seq, stream.acks?.take()))?.catch(nothing)
  }

  #remember(sessionKey: unknown): void {
    if (typeof sessionKey !== 'string' || sessionKey === '' || sessionKey.length > 512) return
    this.#keys.delete(sessionKey)
    this.#keys.set(sessionKey, true)
    if (this.#keys.size <= this.#options.limits.sessions) return
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest)
      return
    }
  }
}

function nothing(): void {}
