import type { BridgeGap } from '../../generated/models.js'
import type { Clock, Timer } from '../clock.js'

/** One envelope of a stream that the other side has not acknowledged. */
export interface Kept {
  readonly seq: number
  readonly id: string
  /** The envelope as JSON, without the fields of resume. Shared with other streams. */
  readonly bytes: Buffer
  /** What to do when the other side has handled it, or never will. */
  readonly settle?: { done(): void; lost(): void }
}

/** What {@link OutWindow.after} finds. */
export interface Replay {
  /** Numbers that are no longer held. */
  readonly gap?: BridgeGap
  readonly envelopes: readonly Kept[]
}

/** What one side has sent in a stream and may have to send again. Bounded: the oldest goes first. */
export class OutWindow {
  readonly #max: number
  readonly #maxBytes: number
  #kept: Kept[] = []
  #head = 0
  #bytes = 0
  #last = 0

  constructor(max: number, maxBytes: number) {
    this.#max = max
    this.#maxBytes = maxBytes
  }

  /** Number of the last envelope. 0 before the first. */
  get last(): number {
    return this.#last
  }

  /** Envelopes that are not acknowledged and still held. */
  get length(): number {
    return this.#kept.length - this.#head
  }

  /** Gives the next number to an envelope and keeps it. */
  add(id: string, bytes: Buffer, settle?: Kept['settle']): Kept {
    this.#last += 1
    const kept = { seq: this.#last, id, bytes, ...(settle === undefined ? {} : { settle }) }
    this.#kept.push(kept)
    this.#bytes += bytes.length
    while (this.length > this.#max || (this.#bytes > this.#maxBytes && this.length > 1)) this.#shift()?.settle?.lost()
    return kept
  }

  /** The other side has handled everything up to `seq`. */
  ack(seq: number): void {
    for (let first = this.#kept[this.#head]; first !== undefined && first.seq <= seq; first = this.#kept[this.#head]) {
      this.#shift()?.settle?.done()
    }
  }

  /** What follows `seq`; undefined when that was never sent. */
  after(seq: number): Replay | undefined {
    if (seq > this.#last) return undefined
    const envelopes = this.#kept.slice(this.#head).filter(kept => kept.seq > seq)
    const first = envelopes[0]?.seq ?? this.#last + 1
    return first > seq + 1 ? { gap: { from: seq + 1, to: first - 1 }, envelopes } : { envelopes }
  }

  /** Nothing of it will be sent again. Returns how many were given up. */
  close(): number {
    const given = this.#kept.slice(this.#head)
    this.#kept = []
    this.#head = 0
    this.#bytes = 0
    for (const kept of given) kept.settle?.lost()
    return given.length
  }

  #shift(): Kept | undefined {
    const first = this.#kept[this.#head]
    if (first === undefined) return undefined
    this.#head += 1
    this.#bytes -= first.bytes.length
    // Moving the rest now and then costs less than moving it each time.
    if (this.#head > 512 && this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head)
      this.#head = 0
    }
    return first
  }
}

/** What {@link InCursor.accept} decides: take it, drop it, or take it and know that others were lost before. */
export type Arrival = 'next' | 'again' | { readonly gap: BridgeGap }

/** How far one side has got in the other's stream. */
export class InCursor {
  /** Name of the stream. */
  readonly epoch: string
  #received: number
  /** Numbers that are being handled, in order. */
  readonly #open = new Set<number>()

  /** @param after number after which the stream goes on. */
  constructor(epoch: string, after: number) {
    this.epoch = epoch
    this.#received = after
  }

  /** Number of the last envelope that came. */
  get received(): number {
    return this.#received
  }

  /** Number up to which everything has been handled. */
  get handled(): number {
    for (const first of this.#open) return first - 1
    return this.#received
  }

  /** Whether anything is still being handled. */
  get busy(): boolean {
    return this.#open.size > 0
  }

  accept(seq: number): Arrival {
    if (seq <= this.#received) return 'again'
    const from = this.#received + 1
    this.#received = seq
    this.#open.add(seq)
    return seq === from ? 'next' : { gap: { from, to: seq - 1 } }
  }

  /** The other side no longer holds what comes before; returns what was lost with it. */
  skipTo(after: number): BridgeGap | undefined {
    if (after <= this.#received) return undefined
    const gap = { from: this.#received + 1, to: after }
    this.#received = after
    return gap
  }

  done(seq: number): void {
    this.#open.delete(seq)
  }
}

/** Options of {@link Acks}. */
export interface AcksOptions {
  readonly cursor: InCursor
  readonly clock: Clock
  /** Envelopes after which an acknowledgement leaves at once. */
  readonly every: number
  /** Milliseconds that it waits at most while something is still being handled. */
  readonly delay: number
  /** Sends an acknowledgement of its own. */
  send(ack: number): void
}

/**
 * Decides when to acknowledge: with whatever is sent anyway, at once when nothing is being handled any more, and else
 * every so often.
 */
export class Acks {
  readonly #options: AcksOptions
  #told: number
  #owed = 0
  #timer: { readonly handle: Timer; readonly soon: boolean } | undefined

  constructor(options: AcksOptions) {
    this.#options = options
    this.#told = options.cursor.handled
  }

  /** One more envelope has been handled. */
  owe(): void {
    this.#owed += 1
    if (this.#owed >= this.#options.every) this.#send()
    else this.#schedule(!this.#options.cursor.busy)
  }

  /** The number to put on an envelope that leaves now; undefined when the other side knows it. */
  take(): number | undefined {
    const { handled } = this.#options.cursor
    if (handled === this.#told) return undefined
    this.#told = handled
    this.#owed = 0
    this.stop()
    return handled
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.handle.cancel()
    this.#timer = undefined
  }

  #schedule(soon: boolean): void {
    if (this.#timer !== undefined && (this.#timer.soon || !soon)) return
    this.stop()
    const { clock, delay } = this.#options
    // One turn of the event loop, so that a burst is acknowledged once.
    this.#timer = { soon, handle: clock.setTimeout(() => this.#send(), soon ? 0 : delay, { unref: true }) }
  }

  #send(): void {
    this.stop()
    const ack = this.take()
    if (ack !== undefined) this.#options.send(ack)
  }
}

/** Puts the fields of resume at the end of an envelope that is already written. */
export function withResume(bytes: Buffer, id: string, seq: number, ack: number | undefined): Buffer {
  return Buffer.concat([bytes.subarray(0, -1), Buffer.from(resumeTail(id, seq, ack))])
}

/** Bytes that the fields of resume add to an envelope at most: the id escaped throughout, and two numbers. */
export const RESUME_BYTES_MAX = 2048

/** What takes the place of the last brace of an envelope. */
export function resumeTail(id: string, seq: number, ack: number | undefined): string {
  return `,"id":${JSON.stringify(id)},"seq":${seq}${ack === undefined ? '' : `,"ack":${ack}`}}`
}

/** Reads and removes the fields of resume. `only`: the envelope carries nothing else. */
export function takeResume(value: Record<string, unknown>): {
  readonly ack: number | undefined
  readonly seq: number | undefined
  readonly only: boolean
} {
  const ack = readNumber(value['ack'], 0)
  const seq = readNumber(value['seq'], 1)
  delete value['ack']
  delete value['seq']
  return { ack, seq, only: value['type'] === 'event' && value['event'] === 'ack' }
}

function readNumber(value: unknown, minimum: number): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum ? value : undefined
}
