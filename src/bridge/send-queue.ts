import { WgrokError } from '../errors.js'

interface Item {
  readonly text: string
  resolve(): void
  reject(error: Error): void
}

/** Where a queue hands its texts to. */
export interface Outlet {
  /** Resolves when the text is handed to the system. */
  send(text: string): Promise<void>
  /** Bytes that wait to be sent. */
  readonly buffered: number
}

/**
 * What a client sends, in order, across connections.
 *
 * A text leaves the queue when the system has taken it. Whatever was under way when a connection dropped is handed to
 * the next one first.
 */
export class SendQueue {
  readonly #max: number
  readonly #highMark: number
  readonly #items: Item[] = []
  /** How many of the first items the outlet has, but has not confirmed. */
  #handed = 0
  #outlet: Outlet | undefined
  #failure: WgrokError | undefined

  /**
   * @param max texts that may wait.
   * @param highMark bytes in the outlet above which the rest waits here.
   */
  constructor(max: number, highMark: number) {
    this.#max = max
    this.#highMark = highMark
  }

  /** Texts that no outlet has confirmed. */
  get length(): number {
    return this.#items.length
  }

  /**
   * Resolves when the text is handed to the system.
   *
   * @throws WgrokError `lane-full` at once when too many wait, `aborted` or `timeout` when the signal says so before the
   * text was handed over, and whatever {@link fail} says.
   */
  push(text: string, signal?: AbortSignal): Promise<void> {
    if (this.#items.length - this.#handed >= this.#max) {
      return Promise.reject(new WgrokError('lane-full', `more than ${this.#max} envelopes are waiting`))
    }
    if (signal?.aborted === true) return Promise.reject(abortError(signal))
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        signal?.removeEventListener('abort', abort)
        end()
      }
      const item: Item = {
        text,
        resolve: () => settle(resolve),
        reject: error => settle(() => reject(error)),
      }
      const abort = (): void => {
        if (signal !== undefined) this.#withdraw(item, abortError(signal))
      }
      signal?.addEventListener('abort', abort, { once: true })
      this.#items.push(item)
      this.#pump()
    })
  }

  /** A connection is there: hands over what waits, then what comes. */
  attach(outlet: Outlet): void {
    this.#outlet = outlet
    this.#handed = 0
    this.#pump()
  }

  /** The connection is gone; what it did not take waits for the next one. */
  detach(): void {
    this.#outlet = undefined
    this.#handed = 0
  }

  /** The end: rejects everything that waits. What the system already has settles on its own. */
  fail(error: WgrokError): void {
    this.#failure = error
    for (const item of this.#items.splice(this.#handed)) item.reject(error)
  }

  #pump(): void {
    const outlet = this.#outlet
    while (outlet !== undefined && this.#handed < this.#items.length && outlet.buffered <= this.#highMark) {
      const item = this.#items[this.#handed]
      if (item === undefined) return
      this.#handed += 1
      outlet.send(item.text).then(
        () => this.#taken(item, outlet),
        // The connection is going down; unless this is the end, the next one gets the text.
        () => this.#failure !== undefined && this.#drop(item, this.#failure),
      )
    }
  }

  #taken(item: Item, outlet: Outlet): void {
    this.#remove(item)
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
    // A late confirmation may meet the item among those that the next outlet has.
    if (at < this.#handed) this.#handed -= 1
  }

  /** Calls off what the outlet does not have yet; what it has cannot be taken back. */
  #withdraw(item: Item, error: WgrokError): void {
    const at = this.#items.indexOf(item)
    if (at < this.#handed) return
    this.#items.splice(at, 1)
    item.reject(error)
  }
}

function abortError(signal: AbortSignal): WgrokError {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError'
  return new WgrokError(timedOut ? 'timeout' : 'aborted', 'the envelope was not sent', { cause: signal.reason })
}
