import { LIMITS } from '../../../generated/limits.js'
import type { WebexActivity, WebexMessage } from '../../../generated/models.js'
import {
  webexGetAttachmentActionCall,
  webexGetMessageCall,
  webexGetPersonCall,
  webexListMessagesCall,
} from '../../../generated/rest.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import type { Clock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import { retry } from '../retry.js'
import type { InboundMessage } from '../transport.js'
import type { WebexApi } from './api.js'
import type { WebexSelf } from './identity.js'
import { rawId, writeId } from './ids.js'
import { type Announced, readAction, readActivity, readMessage } from './inbound.js'

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

/** A room that messages came from lately, for catching up. */
interface Room {
  readonly id: string
  readonly direct: boolean
  /** Time of the latest message that was seen there, RFC 3339. */
  readonly latest: string
}

/** Rooms that are read back after a gap, the latest ones first. */
const CATCH_UP_ROOMS = 50
/** Messages read back per room. */
const CATCH_UP_MESSAGES = 50

/**
 * Turns announcements into messages: Webex encrypts the text in its events, so each is read by REST. Messages of one
 * room are delivered in the order in which they were announced, however long each read takes, and once.
 */
export class Intake {
  readonly #options: IntakeOptions
  readonly #seen: ExpiringMap<true>
  /** By id, the one heard from last at the end. */
  readonly #rooms = new Map<string, Room>()
  readonly #lanes = new Map<string, Promise<unknown>>()
  #heard = 0

  constructor(options: IntakeOptions) {
    const { clock } = options
    this.#options = options
    this.#seen = new ExpiringMap({ ttl: LIMITS.dedupeTtl, max: LIMITS.dedupeMax, clock })
  }

  /** Activities that were announced so far. */
  get heard(): number {
    return this.#heard
  }

  /** Resolves once what the activity announces is accepted, or turned out to be nothing. */
  async announced(activity: WebexActivity): Promise<void> {
    this.#heard++
    const what = readActivity(activity, this.#options.self)
    if (what !== undefined) await this.take(what)
  }

  /** As {@link announced}, for what is known to be a message or a card action. Rejects when the bus refused it. */
  take(what: Announced, restId?: string): Promise<void> {
    const { kind, uuid, room, host } = what
    if (this.#seen.has(uuid)) return Promise.resolve()
    this.#seen.set(uuid, true)
    const cluster = this.#options.clusterOf(host)
    const id = restId ?? writeId({ cluster, type: kind === 'message' ? 'MESSAGE' : 'ATTACHMENT_ACTION', uuid })
    const messages = (kind === 'message' ? this.#readMessage(id) : this.#readAction(id)).catch(error =>
      this.#unread(error),
    )
    const before = this.#lanes.get(room) ?? Promise.resolve()
    const lane = before
      .catch(() => {})
      .then(async () => {
        for (const message of await messages) await this.#options.deliver(message)
      })
    // A message that was refused may be announced again.
    lane.catch(() => this.#seen.delete(uuid))
    this.#lanes.set(room, lane)
    const done = (): void => {
      if (this.#lanes.get(room) === lane) this.#lanes.delete(room)
    }
    lane.then(done, done)
    return lane
  }

  /**
   * Reads the rooms that were active lately, for messages that a gap has swallowed: Webex does not send them again.
   *
   * @returns how many there were.
   */
  async catchUp(): Promise<number> {
    const { logger, signal } = this.#options
    let found = 0
    for (const room of [...this.#rooms.values()].reverse()) {
      if (signal.aborted) return found
      const mentioned = room.direct ? {} : { mentionedPeople: 'me' }
      const params = { roomId: room.id, max: String(CATCH_UP_MESSAGES), ...mentioned }
      const list = await this.#retry(() => this.#options.api.call(webexListMessagesCall, { params, signal })).catch(
        caught => {
          logger.warn('a Webex room could not be read back', { code: WgrokError.from(caught).code })
          return undefined
        },
      )
      const missed = (list?.items ?? []).filter(message => (message.created ?? '') > room.latest).reverse()
      for (const message of missed) if (await this.#deliverMissed(message)) found++
    }
    return found
  }

  /** @returns whether the message had been missed. */
  async #deliverMissed(message: WebexMessage): Promise<boolean> {
    const { deliver, self, logger } = this.#options
    const key = rawId(message.id)
    if (this.#seen.has(key)) return false
    this.#seen.set(key, true)
    this.#visited(message)
    const heard = readMessage(message, self)
    if (heard === undefined) return false
    await deliver(heard).catch(caught => {
      this.#seen.delete(key)
      logger.warn('a message that was read back was not accepted', { code: WgrokError.from(caught).code })
    })
    return true
  }

  async #readMessage(messageId: string): Promise<readonly InboundMessage[]> {
    const { api, self, signal } = this.#options
    const message = await this.#retry(() => api.call(webexGetMessageCall, { params: { messageId }, signal }))
    this.#visited(message)
    const heard = readMessage(message, self)
    return heard === undefined ? [] : [heard]
  }

  async #readAction(actionId: string): Promise<readonly InboundMessage[]> {
    const { api, signal } = this.#options
    const action = await this.#retry(() => api.call(webexGetAttachmentActionCall, { params: { actionId }, signal }))
    const { personId } = action
    const person = await this.#retry(() => api.call(webexGetPersonCall, { params: { personId }, signal }))
    return readAction(action, person.emails[0] ?? personId)
  }

  #visited({ roomId, roomType, created }: WebexMessage): void {
    const before = this.#rooms.get(roomId)?.latest ?? ''
    const latest = created !== undefined && created > before ? created : before
    this.#rooms.delete(roomId)
    this.#rooms.set(roomId, { id: roomId, direct: roomType === 'direct', latest })
    const [oldest] = this.#rooms.keys()
    if (this.#rooms.size > CATCH_UP_ROOMS && oldest !== undefined) this.#rooms.delete(oldest)
  }

  #retry<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, random, signal } = this.#options
    return retry(attempt, { clock, random, signal })
  }

  /** In a group room a bot may read only what is addressed to it: the rest answers 404, and is not meant for us. */
  #unread(caught: unknown): readonly InboundMessage[] {
    const error = WgrokError.from(caught)
    if (error.code === 'target-not-found' || error.code === 'forbidden') return []
    if (error.code === 'aborted') throw error
    this.#options.logger.warn('a Webex message could not be read', { code: error.code, error })
    throw error
  }
}
