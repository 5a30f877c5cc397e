import { WgrokError } from '../errors.js'

/** One envelope that waits, or that the other side has not acknowledged. */
export interface Queued extends Envelope {
  readonly seq: number
}

/** An envelope, written. */
export interface Envelope {
  readonly id: string
  /** As it goes to a server that does not resume. */
  readonly text: string
  /** As it goes to one that does, without the fields of the stream. Usually the same text. */
  readonly base: string
  /** Its size in UTF-8. */
  readonly bytes: number
}

interface Item extends Queued {
  /** 0 until the envelope is handed over for the first time: what is called off before leaves no gap. */
  seq: number
  resolve(): void
  reject(error: Error): void
}

/** Where a queue hands its envelopes to. */
export interface Outlet {
  /** Resolves when the envelope is handed to the system. */
  send(envelope: Queued): Promise<void>
  /** Bytes that wait to be sent. */
  buffered(): number
}

/** Limits of a {@link SendQueue}. */
export interface QueueLimits {
  /** Envelopes that may wait. */
  readonly queued: number
  /** Bytes of those envelopes. */
  readonly queuedBytes: number
  /** Bytes in the outlet above which the rest waits here. */
  readonly buffered: number
}

/**
 * What a client sends, in order, across connections.
 *
 * An envelope leaves the queue when the system has taken it, or, on a connection that resumes, when the other side has
 * acknowledged it. Whatever is still here when a connection drops goes to the next one first.
 */
export class SendQueue {
  readonly #limits: QueueLimits
  readonly #items: Item[] = []
  #bytes = 0
  #last = 0
  /** How many of the first items the present outlet has. */
  #handed = 0
  #outlet: Outlet | undefined
  /** Whether envelopes stay until they are acknowledged. */
  #acked = false
  #failure: WgrokError | undefined

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  /** Number of the last envelope that is not held any more. */
  get released(): number {
    const first = this.#items[0]?.seq ?? 0
    return first === 0 ? this.#last : first - 1
  }

  /**
   * Resolves when the envelope is handed to the system.
   *
   * @throws WgrokError `lane-full` at once when too much waits, `aborted` or `timeout` when the signal says so before
   * the envelope was handed over, and whatever {@link fail} says.
   */
  push(envelope: Envelope, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(abortError(signal))
    const { queued, queuedBytes } = this.#limits
    if (this.#items.length - this.#handed >= queued || this.#bytes + envelope.bytes > queuedBytes) {
      return Promise.reject(new WgrokError('lane-full', `more than ${queued} envelopes or ${queuedBytes} bytes wait`))
    }
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal?.removeEventListener('abort', abort)
        end()
      }
      const item: Item = {
        ...envelope,
        seq: 0,
        resolve: () => settle(resolve),
        reject: error => settle(() => reject(error)),
      }
      const abort = (): void => {
        if (signal !== undefined) this.#withdraw(item, abortError(signal))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#items.push(item)
      this.#bytes += envelope.bytes
      this.#pump()
    })
  }

  /**
   * A connection is there: hands over what waits, then what comes.
   *
   * @param acked number up to which the other side has everything; undefined on a connection that does not resume.
   */
  attach(outlet: Outlet, acked: number | undefined): void {
    this.#outlet = outlet
    this.#handed = 0
    this.#acked = acked !== undefined
    if (acked !== undefined) this.ack(acked)
    this.#pump()
  }

  /** The connection is gone. */
  detach(): void {
    this.#outlet = undefined
    this.#handed = 0
  }

  /** Gives up the largest envelope. */
  dropLargest(error: WgrokError): Envelope | undefined {
    let largest: Item | undefined
    for (const item of this.#items) if (item.bytes > (largest?.bytes ?? 0)) largest = item
    if (largest !== undefined) this.#drop(largest, error)
    return largest
  }

  /** The other side has handled everything up to `seq`. */
  ack(seq: number): void {
    if (!this.#acked) return
    for (let first = this.#items[0]; first !== undefined && isUpTo(first, seq); first = this.#items[0]) {
      this.#remove(first)
      first.resolve()
    }
    this.#pump()
  }

  /** The end: rejects everything that waits. What the system already has settles on its own. */
  fail(error: WgrokError): void {
    this.#failure = error
    for (const item of this.#items.slice(this.#handed)) this.#drop(item, error)
  }

  /** Takes envelopes again after {@link fail}. */
  revive(): void {
    this.#failure = undefined
  }

  #pump(): void {
    const outlet = this.#outlet
    while (outlet !== undefined && outlet.buffered() <= this.#limits.buffered) {
      const item = this.#items[this.#handed]
      // Unacknowledged envelopes are held too, so they are bounded like those that wait.
      if (item === undefined || (this.#acked && this.#handed >= this.#limits.queued)) return
      this.#handed += 1
      if (item.seq === 0) {
        this.#last += 1
        item.seq = this.#last
      }
      outlet.send(item).then(
        () => this.#taken(item, outlet),
        // The connection is going down; unless this is the end, the next one gets the envelope.
        () => this.#failure !== undefined && this.#drop(item, this.#failure),
      )
    }
  }

  #taken(item: Item, outlet: Outlet): void {
    // A late confirmation by the outlet before may come when the present one is already at work: both have it then.
    if (!this.#acked || this.#failure !== undefined) this.#remove(item)
    item.resolve()
    if (this.#outlet === outlet) this.#pump()
  }

  #drop(item: Item, error: WgrokError): void {
    this.#remove(item)
    item.reject(error)
  }

  #remove(item: Item): void {
    const at = this.#items.indexOf(item)
    if (at < 0) return
    this.#items.splice(at, 1)
    this.#bytes -= item.bytes
    if (at < this.#handed) this.#handed -= 1
  }

  /** Calls off what no outlet has had yet; what one has cannot be taken back, nor what has a number in a stream. */
  #withdraw(item: Item, error: WgrokError): void {
    if (this.#acked && item.seq !== 0) return
    if (this.#items.indexOf(item) >= this.#handed) this.#drop(item, error)
  }
}

function isUpTo(item: Item, seq: number): boolean {
  return item.seq !== 0 && item.seq <= seq
}

function abortError(signal: AbortSignal): WgrokError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError'
  return new WgrokError(timedOut ? 'timeout' : 'aborted', 'the envelope was not sent', { cause: signal.reason })
}
