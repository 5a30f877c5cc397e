import { LIMITS } from '../../generated/limits.js'
import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { NatsLink } from './nats-link.js'
import type { SpoolEntry } from './spool.js'

/** How long ids are gathered before the other routers hear of them, in ms. */
const GATHER = 100
/** How long one reading of what was told may take, in ms. */
const RECALL_MAX = 5_000

/** An id, and when the message was accepted, in ms since 1970. */
type Told = readonly [id: string, acceptedAt: number]

/** Options of {@link RelayedIds}. */
export interface RelayedIdsOptions {
  readonly link: NatsLink
  readonly clock: Clock
  /** Tries until it succeeds or the spool is closed. */
  readonly insist: <T>(act: () => Promise<T>) => Promise<T>
}

/**
 * What the routers have relayed lately. A server that was restarted has forgotten the ids of what has left it, and one
 * that was killed gives out again what was done; the routers tell each other, so that nobody relays it twice.
 */
export class RelayedIds {
  readonly #options: RelayedIdsOptions
  /** When the messages of these ids were accepted. The old ones go as a whole when the young ones are many. */
  #young = new Map<string, number>()
  #old = new Map<string, number>()
  #gathered: Told[] = []
  #timer: Timer | undefined
  /** Place up to which the stream has been read. */
  #readUpTo = 0
  #recalled: Promise<void> = Promise.resolve()
  /** Announcements under way. */
  #telling: Promise<unknown> = Promise.resolve()

  constructor(options: RelayedIdsOptions) {
    this.#options = options
  }

  /** Learns what was relayed before, and goes on listening. */
  async open(): Promise<void> {
    const { link } = this.#options
    link.connection.subscribe(link.relayedSubject, { callback: (_, told) => this.#learn(told) })
    await this.recall()
  }

  /** Learns what was told while we could not hear. To be called when the connection is back. */
  recall(): Promise<void> {
    this.#recalled = this.#options.insist(() => this.#read()).catch(() => {})
    return this.#recalled
  }

  /** Resolves when {@link recall} has ended. */
  get recalled(): Promise<void> {
    return this.#recalled
  }

  /**
   * Whether a message is for us to relay: false when somebody has done so. It is ours until {@link forget}. An id that
   * comes again after its time is another message.
   */
  claim({ acceptedAt, id }: SpoolEntry): boolean {
    const before = this.#young.get(id) ?? this.#old.get(id)
    if (before !== undefined && Math.abs(acceptedAt - before) <= LIMITS.dedupeTtl) return false
    this.#remember(id, acceptedAt)
    return true
  }

  /** A message that we have claimed was not relayed after all. */
  forget({ id }: SpoolEntry): void {
    this.#young.delete(id)
    this.#old.delete(id)
  }

  /** Tells the others that we have relayed a message. */
  tell({ acceptedAt, id }: SpoolEntry): void {
    this.#gathered.push([id, acceptedAt])
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
    const gathered = this.#gathered
    this.#gathered = []
    if (gathered.length === 0) return
    const telling = insist(() => link.client.publish(link.relayedSubject, JSON.stringify(gathered))).catch(() => {})
    this.#telling = Promise.all([this.#telling, telling])
  }

  #learn(told: { json<T>(): T }): void {
    for (const [id, acceptedAt] of told.json<readonly Told[]>()) this.#remember(id, acceptedAt)
  }

  #remember(id: string, acceptedAt: number): void {
    if (this.#young.size >= LIMITS.dedupeMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(id, acceptedAt)
  }

  async #read(): Promise<void> {
    const { link } = this.#options
    const { state } = await link.streams.streams.info(link.relayed)
    if (state.messages === 0 || state.last_seq <= this.#readUpTo) return
    const consumer = await link.client.consumers.get(link.relayed, { opt_start_seq: this.#readUpTo + 1 })
    for await (const told of await consumer.fetch({ max_messages: state.messages, expires: RECALL_MAX })) {
      this.#learn(told)
      this.#readUpTo = told.seq
      if (told.seq >= state.last_seq) return
    }
    throw new WgrokError('timeout', 'what was relayed cannot be read')
  }
}
