import type { Consumer, JsMsg, StoredMsg } from '@nats-io/jetstream'
import { LIMITS } from '../../generated/limits.js'
import { backoff, type Clock, delay, systemClock, type Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, silent } from '../log.js'
import { ACK_WAIT, decode, encode, type NatsLink, openLink, storedMessages } from './nats-link.js'
import type { Appended, DeadLetter, DeathCause, Delivery, LaneStats, Spool, SpoolEntry, SpoolStats } from './spool.js'

/** Options of {@link NatsSpool.open}. */
export interface NatsSpoolOptions {
  /** `nats://` or `tls://` URL. */
  readonly url: string
  /**
   * Takes messages first, so that an outage of NATS is a delay. With a durable one a message is accepted when that has it
   * on disk; with one in memory, when NATS has it. Closed together with this spool.
   */
  readonly front: Spool
  /** Largest size of what waits at NATS, in bytes. Default 1 GiB. */
  readonly maxBytes?: number
  /** Prefix of streams, subjects and buckets. Default `wgrok`. */
  readonly name?: string
  readonly clock?: Clock
  readonly logger?: Logger
  /** Returns 0 <= x < 1. Default `Math.random`. */
  readonly random?: () => number
}

const MAX_BYTES = 1024 ** 3
/** How long one request for a message waits at the server; its shortest. */
const ASK = 1_000
/** How often the server is asked which lanes have something, in ms. */
const LOOK_INTERVAL = 1_000
/** How often a message under way is held on to, in ms. */
const WORKING_INTERVAL = ACK_WAIT / 3
/**
 * How long a message that comes again waits before it is sent again, in ms: who had it before may only have lost its
 * connection and is about to say that it is done.
 */
const GRACE = 2_000
/** Redeliveries after which a message that nobody gets rid of is a dead letter, once it has had its time. */
const REDELIVERIES_MAX = 20

/**
 * A spool that several routers share, on NATS JetStream. Whoever is free takes the next message of a lane; each lane has
 * one message out at a time, over all routers, so that its order holds and a router may die at any moment.
 */
export class NatsSpool implements Spool {
  readonly name = 'nats'
  readonly durable = true
  readonly #link: NatsLink
  readonly #front: Spool
  readonly #maxBytes: number
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #random: () => number
  readonly #held = new Set<string>()
  readonly #consumers = new Map<string, Promise<Consumer>>()
  /** Lanes that are on their way from the front to NATS. True: something came since the lane was last seen empty. */
  readonly #forwarding = new Map<string, boolean>()
  /** Entries in a front in memory that their sender waits for. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #closing = new AbortController()
  #ready: (lane: string) => void = () => {}
  #lanes: readonly LaneStats[] = []
  #stats = { messages: 0, bytes: 0, dead: 0 }
  #looker: Timer | undefined
  #closed: Promise<void> | undefined

  private constructor(link: NatsLink, options: NatsSpoolOptions) {
    this.#link = link
    this.#front = options.front
    this.#maxBytes = options.maxBytes ?? MAX_BYTES
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
    this.#random = options.random ?? Math.random
  }

  /** @throws WgrokError `dependency-missing`, `config-invalid`, `auth-failed`, `platform-unavailable`. */
  static async open(options: NatsSpoolOptions): Promise<NatsSpool> {
    const { logger = silent, maxBytes = MAX_BYTES, name, url } = options
    const link = await openLink({ url, maxBytes, logger, ...(name === undefined ? {} : { name }) })
    const spool = new NatsSpool(link, options)
    await spool.#followHeld()
    return spool
  }

  async start(ready: (lane: string) => void): Promise<void> {
    this.#ready = ready
    await this.#front.start(lane => this.#forward(lane))
    await this.#look()
  }

  async append(entry: SpoolEntry): Promise<Appended> {
    const { bytes } = this.#front.stats()
    if (bytes + entry.text.length > this.#maxBytes) {
      throw new WgrokError('spool-full', `${this.#maxBytes} bytes wait for NATS`)
    }
    if (this.#front.durable) return this.#front.append(entry)
    return new Promise((resolve, reject) => {
      this.#waiting.set(entry.id, { resolve, reject })
      void this.#front.append(entry)
    })
  }

  async take(lane: string): Promise<Delivery | undefined> {
    try {
      for (;;) {
        const consumer = await this.#consumer(lane)
        const message = await consumer.next({ expires: ASK })
        if (message === null || this.#closing.signal.aborted) return undefined
        const delivery = await this.#deliveryOf(message, consumer)
        if (delivery !== undefined) return delivery
      }
    } catch (error) {
      // Gone after a long silence, or the server is away: the next look finds the lane again.
      this.#consumers.delete(lane)
      this.#logger.debug('lane cannot be taken from now', { lane, error })
      return undefined
    }
  }

  async hold(lane: string, held: boolean): Promise<void> {
    if (held) this.#held.add(lane)
    else this.#held.delete(lane)
    await (held ? this.#link.held.put(encode(lane), '1') : this.#link.held.delete(encode(lane)))
  }

  isHeld(lane: string): boolean {
    return this.#held.has(lane)
  }

  held(): readonly string[] {
    return [...this.#held]
  }

  async lanes(): Promise<readonly LaneStats[]> {
    await this.#read().catch(() => {})
    return this.#lanes
  }

  stats(): SpoolStats {
    const front = this.#front.stats()
    const { bytes, dead, messages } = this.#stats
    return {
      messages: messages + front.messages,
      bytes: bytes + front.bytes,
      lanes: this.#lanes.length,
      dead,
      dropped: 0,
      refusing: front.refusing,
    }
  }

  async dead(limit: number = Number.POSITIVE_INFINITY): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = []
    for await (const message of storedMessages(this.#link.streams, this.#link.dead)) {
      if (letters.length >= limit) break
      letters.push(message.json<DeadLetter>())
    }
    return letters.sort((a, b) => a.diedAt - b.diedAt)
  }

  async replay(id: string): Promise<boolean> {
    const stored = await this.#letter(id)
    if (stored === undefined) return false
    const { entry } = stored.json<DeadLetter>()
    // The place of the dead letter makes it one replay, however often this is tried.
    await this.#publish(entry, `${entry.id}#replay-${stored.seq}`)
    await this.#link.streams.streams.deleteMessage(this.#link.dead, stored.seq, false)
    await this.#read()
    this.#ready(entry.lane)
    return true
  }

  async discard(id: string): Promise<boolean> {
    const stored = await this.#letter(id)
    if (stored === undefined) return false
    const gone = await this.#link.streams.streams.deleteMessage(this.#link.dead, stored.seq, false)
    await this.#read()
    return gone
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const closed = new WgrokError('closed', 'the spool was closed')
    this.#closing.abort(closed)
    for (const { reject } of this.#waiting.values()) reject(closed)
    this.#waiting.clear()
    this.#looker?.cancel()
    await this.#front.close()
    // What is written but not yet with the server goes out first.
    await this.#link.connection.drain().catch(() => {})
  }

  async #consumer(lane: string): Promise<Consumer> {
    let consumer = this.#consumers.get(lane)
    if (consumer === undefined) {
      consumer = this.#link.consumer(lane)
      this.#consumers.set(lane, consumer)
    }
    return consumer
  }

  /** Undefined when the message needs nobody any more. */
  async #deliveryOf(message: JsMsg, consumer: Consumer): Promise<Delivery | undefined> {
    const redelivered = message.info.deliveryCount - 1
    const hold = new Hold(message, this.#clock)
    const entry = message.json<SpoolEntry>()
    if (redelivered > 0 && (await this.#isDone(message, consumer))) {
      hold.end()
      message.ack()
      return undefined
    }
    if (redelivered >= REDELIVERIES_MAX && this.#clock.now() - entry.acceptedAt > LIMITS.lanePatience) {
      await this.#bury(entry, { code: 'timeout', detail: `taken ${redelivered} times and never sent` })
      hold.end()
      await this.#ack(message)
      return undefined
    }
    return {
      entry,
      redelivered,
      ack: async () => {
        await this.#ack(message)
        hold.end()
      },
      bury: async cause => {
        await this.#bury(entry, cause)
        await this.#ack(message)
        hold.end()
      },
      release: () => {
        hold.end()
        message.nak()
      },
    }
  }

  /** Whether the router that had a message before has got through with it in the meantime. */
  async #isDone(message: JsMsg, consumer: Consumer): Promise<boolean> {
    await delay(GRACE, this.#closing.signal, this.#clock)
    const { ack_floor: floor } = await consumer.info()
    return floor.stream_seq >= message.seq
  }

  /** Says that a message is done, again and again until the server has heard it: otherwise it would be sent once more. */
  async #ack(message: JsMsg): Promise<void> {
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      const heard = await message.ackAck({ timeout: 1_000 }).catch(() => false)
      if (heard) return
      await this.#pause(attempt)
    }
    message.ack()
  }

  async #bury(entry: SpoolEntry, cause: DeathCause): Promise<void> {
    const letter: DeadLetter = { entry, code: cause.code, detail: cause.detail, diedAt: this.#clock.now() }
    const subject = this.#link.deadSubject(entry.id)
    await this.#insist(() => this.#link.client.publish(subject, JSON.stringify(letter)))
    await this.#read().catch(() => {})
  }

  async #letter(id: string): Promise<StoredMsg | undefined> {
    const query = { last_by_subj: this.#link.deadSubject(id) }
    return (await this.#link.streams.streams.getMessage(this.#link.dead, query).catch(() => null)) ?? undefined
  }

  /** Moves a lane from the front to NATS, in order, for as long as there is something. */
  #forward(lane: string): void {
    if (this.#forwarding.has(lane)) {
      this.#forwarding.set(lane, true)
      return
    }
    this.#forwarding.set(lane, false)
    void this.#pump(lane)
  }

  async #pump(lane: string): Promise<void> {
    try {
      for (;;) {
        this.#forwarding.set(lane, false)
        const delivery = await this.#front.take(lane)
        if (delivery !== undefined) await this.#handOver(delivery)
        else if (this.#forwarding.get(lane) !== true) break
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#logger.error('a lane cannot be handed to NATS', { lane, error })
    }
    this.#forwarding.delete(lane)
  }

  async #handOver(delivery: Delivery): Promise<void> {
    const { entry } = delivery
    try {
      const { duplicate } = await this.#insist(() => this.#publish(entry, entry.id))
      await delivery.ack()
      this.#waiting.get(entry.id)?.resolve(duplicate ? 'duplicate' : 'accepted')
    } catch (error) {
      await delivery.release()
      throw error
    } finally {
      this.#waiting.delete(entry.id)
    }
    this.#ready(entry.lane)
  }

  #publish(entry: SpoolEntry, msgID: string): ReturnType<NatsLink['client']['publish']> {
    return this.#link.client.publish(this.#link.outSubject(entry.lane), JSON.stringify(entry), {
      msgID,
      timeout: 5_000,
    })
  }

  /** Tries until it succeeds or the spool is closed. */
  async #insist<T>(act: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await act()
      } catch (error) {
        if (this.#closing.signal.aborted) throw error
        if (attempt === 0) this.#logger.warn('NATS takes nothing now: messages wait', { error: WgrokError.from(error) })
        await this.#pause(attempt)
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const wait = Math.min(1_000, 50 + backoff({ attempt, random: this.#random }))
    return delay(wait, this.#closing.signal, this.#clock).catch(() => {})
  }

  /** Looks which lanes have something, and goes on doing so: another router's messages may be left to us. */
  async #look(): Promise<void> {
    await this.#read().catch(() => {})
    for (const { lane } of this.#lanes) this.#ready(lane)
    if (this.#closing.signal.aborted) return
    this.#looker = this.#clock.setTimeout(() => void this.#look(), LOOK_INTERVAL, { unref: true })
  }

  async #read(): Promise<void> {
    const { dead, laneOf, out, streams } = this.#link
    const [{ state }, letters] = await Promise.all([
      streams.streams.info(out, { subjects_filter: '>' }),
      streams.streams.info(dead),
    ])
    this.#lanes = Object.entries(state.subjects ?? {}).map(([subject, messages]) => {
      const lane = laneOf(subject)
      return { lane, messages, held: this.#held.has(lane) }
    })
    this.#stats = { messages: state.messages, bytes: state.bytes, dead: letters.state.messages }
  }

  /** Learns which lanes are held, now and whenever a router changes that. */
  async #followHeld(): Promise<void> {
    const changes = await this.#link.held.watch()
    const known = new Promise<void>(resolve => {
      void (async () => {
        for await (const { key, operation, delta } of changes) {
          const lane = decode(key)
          if (operation === 'PUT') this.#held.add(lane)
          else if (this.#held.delete(lane)) this.#ready(lane)
          if (delta === 0) resolve()
        }
      })()
    })
    const { values } = await this.#link.held.status()
    if (values > 0) await Promise.race([known, delay(1_000, this.#closing.signal, this.#clock)])
  }
}

interface Waiting {
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: WgrokError) => void
}

/** Tells the server again and again that a message is being worked on. */
class Hold {
  readonly #message: JsMsg
  readonly #clock: Clock
  #timer: Timer | undefined

  constructor(message: JsMsg, clock: Clock) {
    this.#message = message
    this.#clock = clock
    this.#renew()
  }

  end(): void {
    this.#timer?.cancel()
  }

  #renew(): void {
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#message.working()
        this.#renew()
      },
      WORKING_INTERVAL,
      { unref: true },
    )
  }
}
