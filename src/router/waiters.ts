import { parseFlags, parseResponse } from '../../generated/frames.js'
import { LIMITS } from '../../generated/limits.js'
import type { Clock, Timer } from '../clock.js'
import { isInbox } from '../frame/slug.js'
import type { Frame } from '../protocol.js'

interface Waiter {
  readonly id: string
  /** Slug that the reply is addressed to. */
  readonly slug: string
  readonly frames: string[]
  readonly settle: (frames: readonly string[] | undefined) => void
}

/** Callers who asked for the reply to their own frame in the HTTP response (`Prefer: wait=N`). */
export class Waiters {
  readonly #clock: Clock
  readonly #byId = new Map<string, Waiter>()
  readonly #bySlug = new Map<string, Waiter>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#byId.size
  }

  /** Whether the caller of that message waits. */
  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /**
   * Waits for the reply to a message.
   *
   * @param id of the message; an application's answer is found by it.
   * @param slug that an agent's reply is addressed to; undefined when the frame is anonymous.
   * @returns all frames of the reply, or undefined when none was complete in time. Undefined at once when too many wait,
   * or somebody else waits on that slug.
   */
  wait(
    id: string,
    slug: string | undefined,
    ms: number,
  ): { readonly reply: Promise<readonly string[] | undefined>; cancel(): void } {
    const taken = this.#byId.has(id) || (slug !== undefined && this.#bySlug.has(slug))
    if (taken || this.#byId.size >= LIMITS.webhookWaiters)
      return { reply: Promise.resolve(undefined), cancel: () => {} }
    let timer: Timer | undefined
    let cancel = (): void => {}
    const reply = new Promise<readonly string[] | undefined>(resolve => {
      const settle = (frames: readonly string[] | undefined): void => {
        timer?.cancel()
        this.#byId.delete(id)
        if (slug !== undefined) this.#bySlug.delete(slug)
        resolve(frames)
      }
      const waiter: Waiter = { id, slug: slug ?? '', frames: [], settle }
      this.#byId.set(id, waiter)
      if (slug !== undefined) this.#bySlug.set(slug, waiter)
      timer = this.#clock.setTimeout(() => settle(undefined), Math.min(ms, LIMITS.webhookWaitMax), { unref: true })
      cancel = () => settle(undefined)
    })
    return { reply, cancel }
  }

  /** Hands a frame to whoever waits on its `to`. True when that caller is the only one it is for: he waits on an inbox. */
  give(frame: Frame, text: string): boolean {
    const waiter = this.#bySlug.get(frame.to)
    if (waiter === undefined) return false
    this.#collect(waiter, text, frame.flags)
    return isInbox(frame.to)
  }

  /** Hands a frame of an application's answer to the caller of that message, if he still waits. */
  answer(id: string, text: string): boolean {
    const waiter = this.#byId.get(id)
    const frame = parseResponse(text)
    if (waiter === undefined || typeof frame === 'string') return false
    this.#collect(waiter, text, frame.flags)
    return true
  }

  /** Ends every wait. */
  close(): void {
    for (const waiter of [...this.#byId.values()]) waiter.settle(undefined)
  }

  /** A reply in chunks is complete when all of them are there. */
  #collect(waiter: Waiter, text: string, flags: string): void {
    if (!waiter.frames.includes(text)) waiter.frames.push(text)
    const chunk = parseFlags(flags)?.chunk
    if (chunk === undefined) waiter.settle([text])
    else if (waiter.frames.length === chunk.total) waiter.settle(waiter.frames)
    else if (chunk.total > LIMITS.chunksMax) waiter.settle(undefined)
  }
}
