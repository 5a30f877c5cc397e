import { LIMITS } from '../../generated/limits.js'
import { RecentIds } from '../bus/recent-ids.js'
import { type Clock, delay, type Timer } from '../clock.js'
import type { NatsLink } from './nats-link.js'

/** How long ids are gathered before the other routers hear of them, in ms. */
const GATHER = 100
/** How long the ids of before are waited for at the start, in ms. */
const RECALL_MAX = 5_000

/** Options of {@link RelayedIds}. */
export interface RelayedIdsOptions {
  readonly link: NatsLink
  readonly clock: Clock
  readonly closing: AbortSignal
  /** Tries until it succeeds or the spool is closed. */
  readonly insist: <T>(act: () => Promise<T>) => Promise<T>
}

/**
 * What the routers have relayed lately. A server that was restarted has forgotten the ids of what has left it, and one
 * that was killed gives out again what was done; the routers tell each other, so that nobody relays it twice.
 */
export class RelayedIds {
  readonly #options: RelayedIdsOptions
  readonly #known: RecentIds
  #gathered: string[] = []
  #timer: Timer | undefined
  /** Announcements under way. */
  #telling: Promise<unknown> = Promise.resolve()

  constructor(options: RelayedIdsOptions) {
    this.#options = options
    this.#known = new RecentIds({ ttl: options.link.relayedTtl, max: LIMITS.dedupeMax, clock: options.clock })
  }

  /** Learns what was relayed before, and goes on listening. */
  async open(): Promise<void> {
    const { clock, closing, link } = this.#options
    const { state } = await link.streams.streams.info(link.relayed)
    const consumer = await link.client.consumers.get(link.relayed)
    await new Promise<void>((resolve, reject) => {
      if (state.messages === 0) resolve()
      delay(RECALL_MAX, closing, clock).then(resolve, resolve)
      const callback = (message: { readonly seq: number; json<T>(): T }): void => {
        for (const id of message.json<readonly string[]>()) this.#known.first(id)
        if (message.seq >= state.last_seq) resolve()
      }
      consumer.consume({ callback }).catch(reject)
    })
  }

  /** Whether a message is for us to relay: false when somebody has done so. It is ours until {@link forget}. */
  claim(id: string): boolean {
    return this.#known.first(id)
  }

  /** A message that we have claimed was not relayed after all. */
  forget(id: string): void {
    this.#known.forget(id)
  }

  /** Tells the others that we have relayed a message. */
  tell(id: string): void {
    this.#gathered.push(id)
    this.#timer ??= this.#options.clock.setTimeout(() => this.#flush(), GATHER)
  }

  /** Tells what has not been told. Resolves when the server has it, or nothing can be told any more. */
  async close(): Promise<void> {
    this.#flush()
    await this.#telling
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const { insist, link } = this.#options
    const ids = this.#gathered
    this.#gathered = []
    if (ids.length === 0) return
    const told = insist(() => link.client.publish(link.relayedSubject, JSON.stringify(ids)))
    this.#telling = Promise.all([this.#telling, told.catch(() => {})])
  }
}
