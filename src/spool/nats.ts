import { setMaxListeners } from 'node:events'
import type { StoredMsg } from '@nats-io/jetstream'
import { LIMITS } from '../../generated/limits.js'
import { backoff, type Clock, delay, systemClock, type Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, silent } from '../log.js'
import { NatsCalls } from './nats-calls.js'
import { NatsFeed } from './nats-feed.js'
import { NatsLane, type Taken } from './nats-lane.js'
import { decode, encode, type NatsLink, openLink, storedMessages } from './nats-link.js'
import { RelayedIds } from './nats-relayed.js'
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
/** How often the server is asked which lanes have something, in ms. */
const LOOK_INTERVAL = 1_000
/**
 * How long a message that comes again waits before it is sent again, in ms: who had it before may only have lost its
 * connection and is about to say that it is done. After the connection was lost, every message waits as long.
 */
const GRACE = 2_000
/** How long the server may take to accept a message, and to answer what is under way when the spool is closed, in ms. */
const PUBLISH_TIMEOUT = 5_000
/** What a message needs besides its entry, in bytes: headers now, and the cause should it become a dead letter. */
const AROUND_ENTRY = 4 * 1024
/** JetStream: larger than an operator allows in the stream. */
const MESSAGE_TOO_LARGE = 10054
/** Lanes whose consumers are known to be there, at most. */
const CONSUMERS_MAX = 10_000
/** How long who wants to know what waits has to wait for the server, in ms. Probes of others give up after a second. */
const FRESH_MAX = 500
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
  readonly #feed: NatsFeed
  readonly #calls: NatsCalls
  readonly #relayed: RelayedIds
  readonly #inbox: string
  readonly #held = new Set<string>()
  readonly #consumers = new Map<string, Promise<string>>()
  /** Lanes that something is under way in. */
  readonly #lanes = new Map<string, NatsLane>()
  readonly #closing = new AbortController()
  readonly #burying = new Set<Promise<void>>()
  /** Until when nothing is taken, in ms since 1970. */
  #steadyAt = 0
  #ready: (lane: string) => void = () => {}
  #waiting: readonly LaneStats[] = []
  #stats = { messages: 0, bytes: 0, dead: 0 }
  #looker: Timer | undefined
  #asked = 0
  #closed: Promise<void> | undefined

  private constructor(link: NatsLink, options: NatsSpoolOptions) {
    this.#link = link
    this.#front = options.front
    this.#maxBytes = options.maxBytes ?? MAX_BYTES
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
    this.#random = options.random ?? Math.random
    // Every lane that waits for the server listens.
    setMaxListeners(0, this.#closing.signal)
    this.#inbox = link.inbox()
    this.#calls = new NatsCalls(link.connection, this.#clock, `${this.#inbox}.0`)
    this.#relayed = new RelayedIds({
      link,
      clock: this.#clock,
      insist: act => this.#insist(act),
    })
    this.#feed = new NatsFeed({
      front: options.front,
      logger: this.#logger,
      closing: this.#closing.signal,
      publish: entry => this.#insist(() => this.#publish(entry, entry.id)),
      ready: lane => this.#ready(lane),
    })
  }

  /** @throws WgrokError `dependency-missing`, `config-invalid`, `auth-failed`, `platform-unavailable`. */
  static async open(options: NatsSpoolOptions): Promise<NatsSpool> {
    const { logger = silent, maxBytes = MAX_BYTES, name, url } = options
    const link = await openLink({ url, maxBytes, logger, ...(name === undefined ? {} : { name }) })
    const spool = new NatsSpool(link, options)
    void spool.#followConnection()
    await spool.#followHeld()
    await spool.#relayed.open()
    return spool
  }

  async start(ready: (lane: string) => void): Promise<void> {
    this.#ready = ready
    await this.#feed.start()
    await this.#look()
  }

  async append(entry: SpoolEntry): Promise<Appended> {
    const { bytes } = this.#front.stats()
    if (bytes + entry.text.length > this.#maxBytes) {
      throw new WgrokError('spool-full', `${this.#maxBytes} bytes wait for NATS`)
    }
    this.#bodyOf(entry)
    return this.#feed.append(entry)
  }

  async take(name: string): Promise<Delivery | undefined> {
    try {
      for (;;) {
        await this.#steady()
        const lane = await this.#lane(name)
        const taken = await lane.take()
        if (taken === undefined) {
          this.#rest(name, lane)
          return undefined
        }
        const delivery = await this.#deliveryOf(taken, lane).catch(error => {
          taken.giveBack()
          throw error
        })
        if (delivery !== undefined) return delivery
      }
    } catch (error) {
      // The server is away, or the lane's consumer has gone after a long silence: the next look finds it again.
      this.#consumers.delete(name)
      this.#logger.debug('lane cannot be taken from now', { lane: name, error: WgrokError.from(error) })
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
    // While the server is away: what was known last.
    const late = delay(FRESH_MAX, this.#closing.signal, this.#clock)
    await Promise.race([this.#read(), late]).catch(() => {})
    return this.#waiting
  }

  stats(): SpoolStats {
    const front = this.#front.stats()
    const { bytes, dead, messages } = this.#stats
    return {
      messages: messages + front.messages,
      bytes: bytes + front.bytes,
      lanes: this.#waiting.length,
      dead: dead + front.dead,
      dropped: 0,
      refusing: front.refusing,
    }
  }

  async dead(limit: number = Number.POSITIVE_INFINITY): Promise<readonly DeadLetter[]> {
    // What NATS did not take is in the front.
    const letters: DeadLetter[] = []
    const local = await this.#front.dead(limit)
    for await (const message of storedMessages(this.#link.streams, this.#link.dead)) {
      if (letters.length >= limit) break
      letters.push(message.json<DeadLetter>())
    }
    return [...local, ...letters].sort((a, b) => a.diedAt - b.diedAt).slice(0, limit)
  }

  async replay(id: string): Promise<boolean> {
    if (await this.#front.replay(id)) return true
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
    if (await this.#front.discard(id)) return true
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
    this.#looker?.cancel()
    const { connection } = this.#link
    // A server that is away keeps nobody waiting: without a connection, everything under way ends.
    const giveUp = this.#clock.setTimeout(() => {
      this.#calls.close(closed)
      void connection.close()
    }, PUBLISH_TIMEOUT)
    await this.#feed.close(closed)
    for (const lane of this.#lanes.values()) lane.close()
    await Promise.allSettled([this.#relayed.close(), ...this.#burying])
    this.#calls.close(closed)
    // What is written but not yet with the server goes out first.
    await Promise.race([connection.drain().catch(() => {}), connection.closed()])
    giveUp.cancel()
  }

  async #lane(name: string): Promise<NatsLane> {
    let consumer = this.#consumers.get(name)
    if (consumer === undefined) {
      if (this.#consumers.size >= CONSUMERS_MAX) this.#consumers.clear()
      consumer = this.#link.consumer(name)
      this.#consumers.set(name, consumer)
    }
    const asks = `$JS.API.CONSUMER.MSG.NEXT.${this.#link.out}.${await consumer}`
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new NatsLane({
        connection: this.#link.connection,
        calls: this.#calls,
        clock: this.#clock,
        asks,
        inbox: `${this.#inbox}.${++this.#asked}`,
        confirm: taken => this.#confirm(taken),
      })
      this.#lanes.set(name, lane)
    }
    return lane
  }

  /** Forgets a lane in which nothing is under way. */
  #rest(name: string, lane: NatsLane): void {
    if (!lane.idle || this.#lanes.get(name) !== lane) return
    this.#lanes.delete(name)
    lane.drop()
  }

  /** Undefined when the message needs nobody any more. */
  async #deliveryOf(taken: Taken, lane: NatsLane): Promise<Delivery | undefined> {
    const { redelivered } = taken
    const entry = taken.json<SpoolEntry>()
    const wasRelayed = (redelivered > 0 && (await this.#isDone(taken))) || !this.#relayed.claim(entry)
    if (wasRelayed) {
      this.#logger.debug('message was relayed already', { lane: entry.lane, messageId: entry.id })
      lane.done(taken)
      return undefined
    }
    if (redelivered >= REDELIVERIES_MAX && this.#clock.now() - entry.acceptedAt > LIMITS.lanePatience) {
      await this.#bury(entry, { code: 'timeout', detail: `taken ${redelivered} times and never sent` })
      this.#relayed.forget(entry)
      lane.done(taken)
      return undefined
    }
    return {
      entry,
      redelivered,
      // The lane's next message comes only after the server has heard this: nobody has to wait for it here.
      ack: () => {
        this.#relayed.tell(entry)
        lane.done(taken)
      },
      bury: cause => {
        const burying = this.#bury(entry, cause)
          .then(() => this.#relayed.forget(entry))
          .then(() => this.#confirm(taken))
          .finally(() => this.#burying.delete(burying))
        this.#burying.add(burying)
        return burying
      },
      release: () => {
        this.#relayed.forget(entry)
        taken.giveBack()
      },
    }
  }

  /** Whether the router that had a message before has got through with it in the meantime. */
  async #isDone(taken: Taken): Promise<boolean> {
    await delay(GRACE, this.#closing.signal, this.#clock)
    const { ack_floor: floor } = await this.#link.streams.consumers.info(this.#link.out, taken.consumer)
    return floor.stream_seq >= taken.seq
  }

  /** Says that a message is done, again and again until the server has heard it: otherwise it would be sent once more. */
  async #confirm(taken: Taken): Promise<void> {
    const { connection } = this.#link
    for (let attempt = 0; !this.#closing.signal.aborted; attempt++) {
      const heard = await connection.request(taken.reply, '+ACK', { timeout: 1_000 }).then(
        () => true,
        error => hasNobody(error) && this.#remove(taken),
      )
      if (heard) return taken.settle()
      await this.#pause(attempt)
    }
    taken.settle()
    taken.say('+ACK')
  }

  /** Takes a message whose lane's consumer somebody has deleted out of the stream. False when that cannot be told. */
  #remove({ seq }: Taken): Promise<boolean> {
    const { out, streams } = this.#link
    this.#consumers.clear()
    return streams.streams.deleteMessage(out, seq, false).catch(() =>
      // A refusal has one code for what is not there and for what may not be deleted: look.
      streams.streams.getMessage(out, { seq }).then(
        message => message === null,
        error => error instanceof Error && error.name === 'StreamNotFoundError',
      ),
    )
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

  /** @throws WgrokError `body-too-large` when NATS does not take it, or would not take it as a dead letter. */
  #bodyOf(entry: SpoolEntry): string {
    const body = JSON.stringify(entry)
    const max = (this.#link.connection.info?.max_payload ?? Number.POSITIVE_INFINITY) - AROUND_ENTRY
    if (Buffer.byteLength(body) > max) throw tooLarge(`of a message, NATS takes ${max} bytes`)
    return body
  }

  async #publish(entry: SpoolEntry, msgID: string): Promise<Appended> {
    const { headers, outSubject } = this.#link
    const body = this.#bodyOf(entry)
    const options = { headers: headers(msgID), timeout: PUBLISH_TIMEOUT }
    const answer = await this.#calls.call(outSubject(entry.lane), body, options)
    const { duplicate, error } = answer.json<PublishAnswer>()
    if (error?.err_code === MESSAGE_TOO_LARGE) throw tooLarge(`NATS refuses it: ${error.description}`)
    if (error !== undefined) throw new WgrokError('platform-unavailable', `NATS refuses it: ${error.description}`)
    return duplicate === true ? 'duplicate' : 'accepted'
  }

  /**
   * Tries until it succeeds, cannot succeed, or the spool is closed.
   *
   * @throws WgrokError `body-too-large`, `closed`.
   */
  async #insist<T>(act: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await act()
      } catch (error) {
        const never = error instanceof WgrokError && error.code === 'body-too-large'
        if (never) throw error
        this.#closing.signal.throwIfAborted()
        if (attempt === 0) this.#logger.warn('NATS takes nothing now: messages wait', { error: WgrokError.from(error) })
        await this.#pause(attempt)
      }
    }
  }

  #pause(attempt: number): Promise<void> {
    const wait = Math.min(1_000, 50 + backoff({ attempt, random: this.#random }))
    return delay(wait, this.#closing.signal, this.#clock).catch(() => {})
  }

  /** Waits until every router that was cut off has had the time to say what it did. */
  async #steady(): Promise<void> {
    const wait = this.#steadyAt - this.#clock.now()
    if (wait > 0) await delay(wait, this.#closing.signal, this.#clock)
    await this.#relayed.recalled
  }

  async #followConnection(): Promise<void> {
    for await (const { type } of this.#link.connection.status()) {
      if (type !== 'reconnect') continue
      this.#steadyAt = this.#clock.now() + GRACE
      void this.#relayed.recall()
    }
  }

  /** Looks which lanes have something, and goes on doing so: another router's messages may be left to us. */
  async #look(): Promise<void> {
    await this.#read().catch(() => {})
    for (const { lane } of this.#waiting) this.#ready(lane)
    if (this.#closing.signal.aborted) return
    this.#looker = this.#clock.setTimeout(() => void this.#look(), LOOK_INTERVAL, { unref: true })
  }

  async #read(): Promise<void> {
    const { dead, laneOf, out, streams } = this.#link
    const [{ state }, letters] = await Promise.all([
      streams.streams.info(out, { subjects_filter: '>' }),
      streams.streams.info(dead),
    ])
    this.#waiting = Object.entries(state.subjects ?? {}).map(([subject, messages]) => {
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

/** What JetStream answers to a message. */
interface PublishAnswer {
  readonly duplicate?: boolean
  readonly error?: { readonly description: string; readonly err_code?: number }
}

function tooLarge(detail: string): WgrokError {
  return new WgrokError('body-too-large', detail)
}

/** Whether a request failed because nobody listens there. */
function hasNobody(error: unknown): boolean {
  return error instanceof Error && (error.cause as Error | undefined)?.name === 'NoResponders'
}
