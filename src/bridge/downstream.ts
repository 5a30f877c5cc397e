import type { BridgeGap, BridgeResumeOffer, BridgeResumeState } from '../../generated/models.js'
import type { Clock } from '../clock.js'
import { writeEnvelope } from './envelope.js'
import type { BridgeLimits } from './limits.js'
import { Acks, InCursor, takeResume } from './resume.js'

/** Options of a {@link Downstream}. */
export interface DownstreamOptions {
  readonly limits: BridgeLimits
  readonly clock: Clock
  /** The server no longer has these numbers; undefined when it has forgotten the whole stream. */
  gap(gap: BridgeGap | undefined): void
  /** The server has handled our stream up to this number. */
  acked(seq: number): void
}

/** How far a client has got in the stream that the server sends. */
export class Downstream {
  readonly #options: DownstreamOptions
  #cursor: InCursor | undefined
  /** There while a connection resumes. */
  #acks: Acks | undefined

  constructor(options: DownstreamOptions) {
    this.#options = options
  }

  /** Whether the present connection resumes. */
  get active(): boolean {
    return this.#acks !== undefined
  }

  /** What to register with. */
  offer(epoch: string, released: number): BridgeResumeOffer {
    const offer = { epoch, seq: released }
    return this.#cursor === undefined ? offer : { ...offer, peer_epoch: this.#cursor.epoch, ack: this.#cursor.received }
  }

  /** The server has answered: goes on with its stream, or begins a new one and tells that the old one ended in the dark. */
  follow(state: BridgeResumeState, send: (text: string) => void): void {
    const { limits, clock, gap } = this.#options
    const before = this.#cursor
    const goesOn = before !== undefined && state.resumed && state.epoch === before.epoch
    const cursor = goesOn ? before : new InCursor(state.epoch, state.seq)
    this.#cursor = cursor
    this.#acks = new Acks({
      cursor,
      clock,
      every: limits.ackEvery,
      delay: limits.ackDelay,
      send: ack => send(writeEnvelope({ type: 'event', event: 'ack', ack })),
    })
    const lost = goesOn ? cursor.skipTo(state.seq) : undefined
    if (lost !== undefined) gap(lost)
    else if (before !== undefined && !goesOn) gap(undefined)
  }

  /** The connection is gone. @param forget the next one does not resume. */
  down(forget = false): void {
    this.#acks?.stop()
    this.#acks = undefined
    if (forget) this.#cursor = undefined
  }

  /** The number to acknowledge with what leaves now, if there is anything new. */
  takeAck(): number | undefined {
    return this.#acks?.take()
  }

  /**
   * Reads and removes the fields of resume.
   *
   * @returns what to call when the envelope has been handled; undefined when there is nothing to handle.
   */
  accept(value: Record<string, unknown>): (() => void) | undefined {
    const cursor = this.#cursor
    if (cursor === undefined || this.#acks === undefined) return nothing
    const { ack, seq, only } = takeResume(value)
    if (ack !== undefined) this.#options.acked(ack)
    if (only) return undefined
    if (seq === undefined) return nothing
    const arrival = cursor.accept(seq)
    if (arrival === 'again') return undefined
    if (arrival !== 'next') this.#options.gap(arrival.gap)
    return () => {
      cursor.done(seq)
      if (this.#cursor === cursor) this.#acks?.owe()
    }
  }
}

function nothing(): void {}
