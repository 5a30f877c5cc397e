import { LIMITS } from '../../../generated/limits.js'
import type { WebexActivity, WebexMessage, WebexRoom } from '../../../generated/models.js'
import {
  webexGetAttachmentActionCall,
  webexGetMessageCall,
  webexGetPersonCall,
  webexListMessagesCall,
  webexListRoomsCall,
} from '../../../generated/rest.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import { backoff, type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { InboundMessage } from '../transport.js'
import type { WebexApi } from './api.js'
import type { WebexSelf } from './identity.js'
import { rawId, writeId } from './ids.js'
import { type Announced, readAction, readActivity, readMessage } from './inbound.js'
import { ReadGate } from './read-gate.js'

/** Options of an {@link Intake}. */
export interface IntakeOptions {
  readonly api: WebexApi
  readonly self: WebexSelf
  /** Cluster of a conversation's host, for REST ids. */
  readonly clusterOf: (host: string) => string
  readonly deliver: (message: InboundMessage) => Promise<void>
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** What was accepted is remembered for as long as it may be found again in its room, in ms. */
const REMEMBERED = 24 * 3_600_000
/** Rooms that are read back at once. */
const ROOMS_MAX = 50
const PAGE = 100
const PAGES_MAX = 100
/** Time for the look at the rooms at the beginning, in ms. */
const BEGIN_TIMEOUT = 5_000
/** How long new messages wait for those that are read back, in ms: order matters, but not for ever. */
const HOLD = 30_000
/** Messages of so long before the latest one are looked at again: Webex's hosts need not agree on the time, in ms. */
const SLACK = 10_000
/** Shortest wait before rooms are read back again, in ms. */
const AGAIN_AFTER = 1_000

const NOTHING = (): void => {}

/**
 * Turns announcements into messages: Webex encrypts the text in its events, so each is read by REST. Messages of one
 * room are delivered in the order in which they were announced, however long each read takes, and once; after a gap that
 * another gap follows at once, their order may suffer.
 *
 * Webex repeats nothing. What a gap has swallowed, and what could not be read or was refused, is found again by reading
 * the rooms back from the time up to which everything is known to be accepted.
 */
export class Intake {
  readonly #options: IntakeOptions
  readonly #gate: ReadGate
  readonly #accepted: ExpiringMap<true>
  readonly #underWay = new Map<string, Promise<void>>()
  /** The last delivery of each room. */
  readonly #lanes = new Map<string, Promise<void>>()
  /** Everything up to this time of Webex's is accepted, in ms since 1970; undefined until any time is known. */
  #floor: number | undefined
  /** Reasons to believe that something is missing, and how many of them reading back has settled. */
  #doubts = 0
  #settled = 0
  #run: Promise<unknown> = Promise.resolve()
  #next: Promise<number> | undefined
  #hold: Promise<void> | undefined
  #again = false
  #attempt = 0
  #heard = 0

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#gate = new ReadGate(options)
    this.#accepted = new ExpiringMap({ ttl: REMEMBERED, max: LIMITS.dedupeMax, clock: options.clock })
  }

  /** Activities that were announced so far. */
  get heard(): number {
    return this.#heard
  }

  /** Notes the time from which on messages count. Never rejects: without it, that is the time of the first message. */
  async begin(): Promise<void> {
    const { api, logger, signal } = this.#options
    const timely = AbortSignal.any([signal, AbortSignal.timeout(BEGIN_TIMEOUT)])
    const params = { sortBy: 'lastactivity', max: '1' }
    try {
      const { items } = await api.call(webexListRoomsCall, { params, signal: timely })
      this.#floor = items.length === 0 ? 0 : timeOf(items[0]?.lastActivity)
    } catch (caught) {
      logger.warn('the Webex rooms cannot be listed', { code: WgrokError.from(caught).code })
    }
  }

  /** Resolves once what the activity announces is accepted, turned out to be nothing, or is left to reading back. */
  async announced(activity: WebexActivity): Promise<void> {
    this.#heard++
    const what = readActivity(activity, this.#options.self)
    if (what === undefined) return
    await this.take(what).catch(caught => {
      const error = WgrokError.from(caught)
      if (this.#options.signal.aborted) return
      this.#options.logger.warn('a Webex message was not accepted', { code: error.code, kind: what.kind, error })
      if (what.kind === 'message') this.#doubt(timeOf(activity.published))
    })
  }

  /** Whether that message or action was accepted lately. @param uuid raw id */
  knows(uuid: string): boolean {
    return this.#accepted.has(uuid)
  }

  /**
   * Resolves once the bus has accepted it: a repetition together with the first. Rejects when it could not be read or
   * the bus refused it; it may be taken again then.
   */
  take(what: Announced, restId?: string): Promise<void> {
    const { kind, uuid, room, host } = what
    if (this.#accepted.has(uuid)) return Promise.resolve()
    const first = this.#underWay.get(uuid)
    if (first !== undefined) return first
    const type = kind === 'message' ? 'MESSAGE' : 'ATTACHMENT_ACTION'
    const id = restId ?? writeId({ cluster: this.#options.clusterOf(host), type, uuid })
    const read = (kind === 'message' ? this.#readMessage(id) : this.#readAction(id)).catch(unread)
    // It may fail long before its turn has come.
    read.catch(NOTHING)
    const before = [this.#lanes.get(room)?.catch(NOTHING), this.#hold]
    const lane = Promise.all(before).then(async () => {
      const { messages, created } = await read
      for (const message of messages) await this.#options.deliver(message)
      this.#accept(uuid, created)
    })
    this.#track(uuid, lane)
    this.#lanes.set(room, lane)
    const done = (): void => {
      if (this.#lanes.get(room) === lane) this.#lanes.delete(room)
    }
    lane.then(done, done)
    return lane
  }

  /**
   * Reads back the rooms in which something happened since everything was known to be accepted. What is announced
   * meanwhile is delivered after that.
   *
   * @returns how many messages had been missed. Never rejects: what could not be read is tried again later.
   */
  catchUp(): Promise<number> {
    this.#doubts++
    if (this.#next !== undefined) return this.#next
    // Deliveries from now on wait for this, so that it must not wait for them.
    const lanes = new Map(this.#lanes)
    const over = new AbortController()
    const run = this.#run.then(() => {
      this.#next = undefined
      return this.#readBack(lanes)
    })
    this.#next = run
    this.#run = run
    const hold = Promise.race([run.then(NOTHING), delay(HOLD, over.signal, this.#options.clock).catch(NOTHING)])
    this.#hold = hold
    void run.then(() => {
      over.abort()
      if (this.#hold === hold) this.#hold = undefined
    })
    return run
  }

  async #readBack(lanes: ReadonlyMap<string, Promise<void>>): Promise<number> {
    const { api, logger, signal } = this.#options
    const upTo = this.#doubts
    const since = this.#floor
    if (since === undefined) {
      this.#settled = upTo
      return 0
    }
    const counts = { found: 0, failed: 0 }
    let newest = since
    try {
      const params = { sortBy: 'lastactivity', max: String(ROOMS_MAX * 2) }
      const { items } = await this.#gate.read(() => api.call(webexListRoomsCall, { params, signal }))
      const changed = items.filter(room => (timeOf(room.lastActivity) ?? Number.POSITIVE_INFINITY) > since)
      if (changed.length > ROOMS_MAX) logger.warn('too many Webex rooms to read back', { rooms: changed.length })
      for (const room of changed.slice(0, ROOMS_MAX)) {
        newest = Math.max(newest, timeOf(room.lastActivity) ?? since)
        await this.#readRoom(room, since, lanes, counts)
      }
    } catch (caught) {
      const error = WgrokError.from(caught)
      counts.failed++
      if (!signal.aborted) logger.warn('the Webex rooms could not be read back', { code: error.code, error })
    }
    if (counts.failed > 0) this.#tryAgain()
    else if (this.#doubts === upTo) {
      this.#settled = upTo
      this.#attempt = 0
      this.#floor = Math.max(since, newest - SLACK)
    }
    return counts.found
  }

  async #readRoom(
    room: WebexRoom,
    since: number,
    lanes: ReadonlyMap<string, Promise<void>>,
    counts: { found: number; failed: number },
  ): Promise<void> {
    const missed = await this.#listSince(room, since)
    await lanes.get(rawId(room.id))?.catch(NOTHING)
    for (const message of missed.reverse()) {
      const key = rawId(message.id)
      if (this.#accepted.has(key) || this.#underWay.has(key)) continue
      const heard = readMessage(message, this.#options.self)
      if (heard === undefined) continue
      counts.found++
      const delivery = this.#options.deliver(heard).then(() => this.#accept(key, timeOf(message.created)))
      this.#track(key, delivery)
      await delivery.catch(caught => {
        counts.failed++
        const error = WgrokError.from(caught)
        if (this.#options.signal.aborted) return
        this.#options.logger.warn('a Webex message was not accepted', { code: error.code, kind: 'message', error })
      })
    }
  }

  /** Messages of a room that are later than `since`, the latest first. */
  async #listSince(room: WebexRoom, since: number): Promise<WebexMessage[]> {
    const { api, logger, self, signal } = this.#options
    const mentioned = self.bot && room.type !== 'direct' ? { mentionedPeople: 'me' } : {}
    const found: WebexMessage[] = []
    for (let page = 0, beforeMessage: string | undefined; page < PAGES_MAX; page++) {
      const from = beforeMessage === undefined ? {} : { beforeMessage }
      const params = { roomId: room.id, max: String(PAGE), ...mentioned, ...from }
      const { items } = await this.#gate
        .read(() => api.call(webexListMessagesCall, { params, signal }))
        // We have left that room.
        .catch(caught => (isHidden(caught) ? { items: [] as WebexMessage[] } : Promise.reject(caught)))
      const later = items.filter(message => (timeOf(message.created) ?? 0) > since)
      found.push(...later)
      if (items.length < PAGE || later.length < items.length) return found
      beforeMessage = items.at(-1)?.id
    }
    logger.warn('too many messages in a Webex room to read all of them back', { messages: found.length })
    return found
  }

  async #readMessage(messageId: string): Promise<Read> {
    const { api, self, signal } = this.#options
    const message = await this.#gate.read(() => api.call(webexGetMessageCall, { params: { messageId }, signal }))
    const heard = readMessage(message, self)
    return { messages: heard === undefined ? [] : [heard], created: timeOf(message.created) }
  }

  async #readAction(actionId: string): Promise<Read> {
    const { api, signal } = this.#options
    const action = await this.#gate.read(() => api.call(webexGetAttachmentActionCall, { params: { actionId }, signal }))
    const { personId } = action
    const person = await this.#gate.read(() => api.call(webexGetPersonCall, { params: { personId }, signal }))
    return { messages: readAction(action, person.emails[0] ?? personId), created: undefined }
  }

  #track(uuid: string, work: Promise<void>): void {
    this.#underWay.set(uuid, work)
    const done = (): void => void this.#underWay.delete(uuid)
    work.then(done, done)
  }

  #accept(uuid: string, created: number | undefined): void {
    this.#accepted.set(uuid, true)
    if (created === undefined || this.#doubts > this.#settled) return
    this.#floor = Math.max(this.#floor ?? created, created)
  }

  /** Something of that time is missing: it is looked for soon. */
  #doubt(at: number | undefined): void {
    this.#doubts++
    if (at !== undefined && this.#floor !== undefined) this.#floor = Math.min(this.#floor, at - SLACK)
    this.#tryAgain()
  }

  #tryAgain(): void {
    const { clock, random, signal } = this.#options
    if (this.#again || signal.aborted) return
    this.#again = true
    const wait = Math.max(AGAIN_AFTER, backoff({ attempt: this.#attempt++, random }))
    delay(wait, signal, clock).then(() => {
      this.#again = false
      return this.catchUp()
    }, NOTHING)
  }
}

/** What was read: the messages, and when Webex took them, in ms since 1970. */
interface Read {
  readonly messages: readonly InboundMessage[]
  readonly created: number | undefined
}

/** In a group room a bot may read only what is addressed to it: the rest answers 404, and is not meant for us. */
function unread(caught: unknown): Read {
  if (isHidden(caught)) return { messages: [], created: undefined }
  throw caught
}

function isHidden(caught: unknown): boolean {
  const { code } = WgrokError.from(caught)
  return code === 'target-not-found' || code === 'forbidden'
}

function timeOf(time: string | undefined): number | undefined {
  const ms = time === undefined ? Number.NaN : Date.parse(time)
  return Number.isNaN(ms) ? undefined : ms
}
