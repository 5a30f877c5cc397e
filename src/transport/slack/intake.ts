import { LIMITS } from '../../../generated/limits.js'
import type { Identity } from '../../access/identity.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import type { Clock } from '../../clock.js'
import type { InboundMessage } from '../transport.js'
import type { SlackDirectory } from './identity.js'
import type { Heard } from './inbound.js'

/** Options of an {@link Intake}. */
export interface IntakeOptions {
  readonly directory: Pick<SlackDirectory, 'identify'>
  readonly deliver: (message: InboundMessage) => Promise<void>
  readonly clock: Clock
  /** How long an accepted message is remembered, in ms. Default `LIMITS.dedupeTtl`. */
  readonly ttl?: number
  /** Ids remembered at most. Default `LIMITS.dedupeMax`. */
  readonly max?: number
}

const ACCEPTED = Promise.resolve()

/**
 * Hands what was heard to the bus: once, however often Slack repeats it, and in the order of arrival within one
 * conversation, however long it takes to learn who wrote it.
 */
export class Intake {
  readonly #options: IntakeOptions
  readonly #accepted: ExpiringMap<true>
  readonly #underWay = new Map<string, Promise<void>>()
  /** Last one per conversation that waits for its author to be known. */
  readonly #waiting = new Map<string, Promise<void>>()

  constructor(options: IntakeOptions) {
    const { clock, ttl = LIMITS.dedupeTtl, max = LIMITS.dedupeMax } = options
    this.#options = options
    this.#accepted = new ExpiringMap({ ttl, max, clock })
  }

  /**
   * Resolves once the bus has accepted the message: a repetition at once when it was accepted before, and together with
   * the first one while that is under way. Rejects when the bus refused; the next repetition is then a new attempt.
   */
  accept(heard: Heard): Promise<void> {
    const { ids } = heard
    if (ids.some(id => this.#accepted.has(id))) {
      this.#remember(ids)
      return ACCEPTED
    }
    const first = ids.map(id => this.#underWay.get(id)).find(promise => promise !== undefined)
    if (first !== undefined) return first
    const done = (): void => {
      for (const id of ids) this.#underWay.delete(id)
    }
    const accepted = this.#start(heard).then(
      () => {
        this.#remember(ids)
        done()
      },
      error => {
        done()
        throw error
      },
    )
    for (const id of ids) this.#underWay.set(id, accepted)
    return accepted
  }

  #remember(ids: readonly string[]): void {
    for (const id of ids) this.#accepted.set(id, true)
  }

  /** Begins to deliver as soon as the author is known and everything before it in the conversation has begun. */
  #start(heard: Heard): Promise<void> {
    const { directory } = this.#options
    const lane = heard.message.conversation.id
    const before = this.#waiting.get(lane)
    const identity = before === undefined ? attempt(() => directory.identify(heard.author)) : undefined
    if (identity !== undefined && !(identity instanceof Promise)) {
      return this.#deliver(heard, identity)
    }
    const known = identity ?? (before ?? ACCEPTED).then(() => directory.identify(heard.author))
    // In an object, so that the next message waits for the start of this delivery and not for its end.
    const begun = known.then(sender => ({ end: this.#deliver(heard, sender) }))
    const over = begun.then(
      () => {},
      () => {},
    )
    this.#waiting.set(lane, over)
    over.then(() => {
      if (this.#waiting.get(lane) === over) this.#waiting.delete(lane)
    })
    return begun.then(({ end }) => end)
  }

  /** Async, so that a handler that throws counts as one that rejects. */
  async #deliver(heard: Heard, sender: Identity): Promise<void> {
    await this.#options.deliver({ ...heard.message, sender })
  }
}

/** What a call returns, its exception as a rejection. */
function attempt<T>(call: () => T | Promise<T>): T | Promise<T> {
  try {
    return call()
  } catch (error) {
    return Promise.reject(error)
  }
}
