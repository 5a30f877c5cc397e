import type { SlackMessagesReply, SlackStoredMessage } from '../../../generated/models.js'
import { slackListMessagesCall, slackListRepliesCall } from '../../../generated/rest.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import { type Clock, delay } from '../../clock.js'
import { type ErrorCode, WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import { waitFor } from '../retry.js'
import type { SlackApi } from './api.js'
import { markOn } from './outbound.js'

/** Options of {@link History}. */
export interface HistoryOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
}

/** A message that may have been posted. */
export interface Sought {
  readonly channel: string
  readonly thread: string | undefined
  /** What {@link markOn} tells of it. */
  readonly mark: string
  /** Milliseconds since 1970; it was not posted before. */
  readonly since: number
}

/** Names of channels have no capitals. */
const CHANNEL_ID = /^[CDG][A-Z0-9]+$/
/** An earlier request may have reached Slack and not be done yet, in ms. */
const SETTLE = 1_000
/** Clocks differ, in ms. */
const SKEW = 60_000
/** How long a look may take with all that is tried again, in ms: what waits behind the message waits too. */
const PATIENCE = 30_000
/** Slack recommends no more than 200, and a larger page may be larger than the largest answer. */
const PAGE = 200
const PAGES_MAX = 5
/** A scope that was missing may have been added, in ms. */
const BLIND_TTL = 60 * 60 * 1000
const BLIND_MAX = 10_000

/**
 * Looks for messages that an earlier attempt may have posted.
 *
 * Whoever posted the mark counts, since another account of ours may have done so and one account does not know the
 * others. So an app in the conversation that can tell the id of a message can post its mark first, and then it is not
 * repeated.
 */
export class History {
  readonly #api: SlackApi
  readonly #options: HistoryOptions
  /** Conversations that Slack does not let the app read. */
  readonly #blind: ExpiringMap<true>
  readonly #said = new Set<ErrorCode>()

  constructor(api: SlackApi, options: HistoryOptions) {
    this.#api = api
    this.#options = options
    this.#blind = new ExpiringMap({ ttl: BLIND_TTL, max: BLIND_MAX, clock: options.clock })
  }

  /**
   * Undefined when the message is not there, and also when Slack would not show it: then it is sent again, since twice is
   * better than never.
   *
   * @throws WgrokError the reason of `signal`, and nothing else.
   */
  async find(sought: Sought, signal: AbortSignal): Promise<SlackStoredMessage | undefined> {
    const { clock } = this.#options
    if (this.#blind.has(sought.channel)) return undefined
    if (!CHANNEL_ID.test(sought.channel)) {
      return this.#say(new WgrokError('target-invalid', 'the id of the channel is not known yet'))
    }
    await delay(SETTLE, signal, clock)
    const limit = new AbortController()
    const late = new WgrokError('timeout', 'Slack took too long to show what was posted')
    const timer = clock.setTimeout(() => limit.abort(late), PATIENCE)
    try {
      return await this.#look(sought, clock.now() + PATIENCE, AbortSignal.any([signal, limit.signal]))
    } catch (caught) {
      if (signal.aborted) throw caught
      return this.#giveUp(sought, WgrokError.from(caught))
    } finally {
      timer.cancel()
    }
  }

  async #look(sought: Sought, end: number, signal: AbortSignal): Promise<SlackStoredMessage | undefined> {
    const { clock, random } = this.#options
    for (let failed = 0; ; failed++) {
      try {
        return await this.#search(sought, signal)
      } catch (caught) {
        const error = WgrokError.from(caught)
        const wait = waitFor(error, failed, random)
        if (signal.aborted || !error.retryable || clock.now() + wait > end) throw error
        await delay(wait, signal, clock)
      }
    }
  }

  async #search(sought: Sought, signal: AbortSignal): Promise<SlackStoredMessage | undefined> {
    let cursor: string | undefined
    for (let page = 0; page < PAGES_MAX; page++) {
      const { messages = [], response_metadata: next } = await this.#page(sought, cursor, signal)
      const found = messages.find(message => markOn(message) === sought.mark)
      cursor = next?.next_cursor
      if (found !== undefined || cursor === undefined || cursor === '') return found
    }
    this.#options.logger.info('too much was posted on Slack since to look for a message', { pages: PAGES_MAX })
    return undefined
  }

  #page(sought: Sought, cursor: string | undefined, signal: AbortSignal): Promise<SlackMessagesReply> {
    const { channel, since, thread } = sought
    const params = {
      channel,
      oldest: String(Math.max(0, since - SKEW) / 1000),
      include_all_metadata: 'true',
      limit: String(PAGE),
      ...(cursor === undefined ? {} : { cursor }),
    }
    return thread === undefined
      ? this.#api.call(slackListMessagesCall, { params, signal })
      : this.#api.call(slackListRepliesCall, { params: { ...params, ts: thread }, signal })
  }

  #giveUp({ channel }: Sought, error: WgrokError): undefined {
    // A thread that is gone says nothing of the channel around it.
    if (!error.retryable && error.code !== 'target-not-found') this.#blind.set(channel, true)
    return this.#say(error)
  }

  #say(error: WgrokError): undefined {
    const { code } = error
    if (this.#said.has(code)) return
    this.#said.add(code)
    this.#options.logger.info('Slack does not show what was posted: a message may come twice', { code, error })
  }
}
