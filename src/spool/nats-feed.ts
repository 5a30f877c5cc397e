import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Appended, Delivery, Spool, SpoolEntry } from './spool.js'

/** Options of a {@link NatsFeed}. */
export interface NatsFeedOptions {
  /** Where messages wait for NATS. */
  readonly front: Spool
  readonly logger: Logger
  readonly closing: AbortSignal
  /**
   * Puts an entry on its lane at NATS; tries until it succeeds or the spool is closed.
   *
   * @throws WgrokError `body-too-large` when NATS never takes it.
   */
  readonly publish: (entry: SpoolEntry) => Promise<Appended>
  /** Called when a lane has something at NATS. */
  readonly ready: (lane: string) => void
}

interface Waiting {
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: WgrokError) => void
}

/** A lane that is on its way. */
interface Pump {
  /** Something came since the lane was last seen empty. */
  again: boolean
  done: Promise<void>
}

/** Moves messages from a router's own spool to NATS, in the order of each lane. */
export class NatsFeed {
  readonly #options: NatsFeedOptions
  readonly #active = new Map<string, Pump>()
  /** Entries in a front in memory that their sender waits for. */
  readonly #waiting = new Map<string, Waiting>()

  constructor(options: NatsFeedOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    await this.#options.front.start(lane => this.#wake(lane))
  }

  /** Accepts an entry: at once where the front is durable, else when NATS has it. */
  append(entry: SpoolEntry): Appended | Promise<Appended> {
    const { closing, front } = this.#options
    closing.throwIfAborted()
    if (front.durable) return front.append(entry)
    return new Promise((resolve, reject) => {
      this.#waiting.set(entry.id, { resolve, reject })
      void front.append(entry)
    })
  }

  /** Once `closing` is aborted: what is on its way ends, and the front gets to know how, before it is closed. */
  async close(closed: WgrokError): Promise<void> {
    await Promise.all([...this.#active.values()].map(pump => pump.done))
    for (const { reject } of this.#waiting.values()) reject(closed)
    this.#waiting.clear()
    await this.#options.front.close()
  }

  #wake(lane: string): void {
    const active = this.#active.get(lane)
    if (active !== undefined) {
      active.again = true
      return
    }
    const pump: Pump = { again: false, done: DONE }
    this.#active.set(lane, pump)
    pump.done = this.#pump(lane, pump)
  }

  async #pump(lane: string, pump: Pump): Promise<void> {
    const { closing, front, logger } = this.#options
    try {
      while (!closing.aborted) {
        pump.again = false
        const delivery = await front.take(lane)
        if (delivery !== undefined) await this.#handOver(delivery)
        else if (!pump.again) break
      }
    } catch (error) {
      if (!closing.aborted) logger.error('a lane cannot be handed to NATS', { lane, error: WgrokError.from(error) })
    }
    this.#active.delete(lane)
  }

  async #handOver(delivery: Delivery): Promise<void> {
    const { entry } = delivery
    try {
      const appended = await this.#options.publish(entry)
      await delivery.ack()
      this.#waiting.get(entry.id)?.resolve(appended)
    } catch (error) {
      if (error instanceof WgrokError && error.code === 'body-too-large') return await this.#refuse(delivery, error)
      await delivery.release()
      this.#waiting.get(entry.id)?.reject(WgrokError.from(error))
      throw error
    } finally {
      this.#waiting.delete(entry.id)
    }
    this.#options.ready(entry.lane)
  }

  /** What NATS never takes must not stop its lane: who waits for it is told, else it becomes a dead letter of the front. */
  async #refuse(delivery: Delivery, error: WgrokError): Promise<void> {
    const { id, lane, text } = delivery.entry
    const waiting = this.#waiting.get(id)
    if (waiting !== undefined) {
      await delivery.ack()
      waiting.reject(error)
      return
    }
    await delivery.bury({ code: error.code, detail: error.message })
    const fields = { code: error.code, lane, messageId: id, length: text.length, error }
    this.#options.logger.warn('message could not be delivered', fields)
  }
}

const DONE = Promise.resolve()
