import { LIMITS } from '../../../generated/limits.js'
import type {
  SlackDisconnect,
  SlackEventsApi,
  SlackHello,
  SlackInteractive,
  SlackSlashCommandEnvelope,
} from '../../../generated/models.js'
import { slackOpenConnectionCall } from '../../../generated/rest.js'
import { dispatchSlackSocketReceives, type SlackSocketReceives, type Undecoded } from '../../../generated/stubs.js'
import { backoff, type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Dial } from '../dial.js'
import { waitFor } from '../retry.js'
import type { StatusFeed } from '../status.js'
import type { SlackApi } from './api.js'
import type { SlackDirectory, SlackSelf } from './identity.js'
import { type Heard, readCommand, readEvent, readInteraction } from './inbound.js'
import type { Intake } from './intake.js'
import { type Leaving, type Link, type LinkTimes, openLink } from './link.js'

/** Options of a {@link SlackConnection}. */
export interface SlackConnectionOptions extends LinkTimes {
  /** The Web API with the app-level token. */
  readonly api: SlackApi
  readonly dial: Dial
  /** Knows whose token it is; asked before the first socket is opened. */
  readonly directory: Pick<SlackDirectory, 'self'>
  readonly intake: Intake
  readonly status: StatusFeed
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
}

/** Slack repeats what is not acked within 3 s. An ack that might come too late is left to the repetition. */
export const ACK_DEADLINE = 2_500
/** Shortest wait when Slack counts too many sockets: those that it counts take a while to go. */
const CROWDED_WAIT = 10_000
/** A link that lived this long has shown that it works, in ms. */
const PROVEN_AFTER = 10_000

/**
 * Socket Mode: one live socket, replaced before it goes where Slack gives notice.
 *
 * {@link run} is the only place that changes the state. A new link is opened first and the old one retired after its
 * successor was greeted, so that at no time there is none without need.
 */
export class SlackConnection implements SlackSocketReceives<Link, void> {
  readonly #options: SlackConnectionOptions
  /** Stays longer after each link on which Slack never spoke: there are gateways that do not ping. */
  #patience = 1
  #invalid = 0
  #self: SlackSelf | undefined
  readonly #links = new Set<Link>()

  constructor(options: SlackConnectionOptions) {
    this.#options = options
  }

  /** Frames that did not match the spec. */
  get invalidFrames(): number {
    return this.#invalid
  }

  /**
   * Keeps a link open until the signal is aborted.
   *
   * @param live called each time that a link is live.
   * @throws WgrokError when Slack refuses for good; the status says `failed` then.
   */
  async run(live: () => void): Promise<void> {
    const { status, clock, signal, logger } = this.#options
    let current: Link | undefined
    let attempt = 0
    try {
      while (!signal.aborted) {
        let next: Link
        try {
          next = await this.#open()
        } catch (caught) {
          const error = WgrokError.from(caught)
          if (signal.aborted) return
          if (isFinal(error)) throw error
          await this.#wait(current, attempt++, error)
          continue
        }
        const liveSince = clock.now()
        current?.retire()
        current = next
        status.set({ state: 'live', since: liveSince })
        next.ended.then(() => {
          // Its successor may take a while yet.
          if (current === next && !signal.aborted) status.set({ state: 'reconnecting', attempt: 0, delayMs: 0 })
        })
        live()
        const why = await this.#left(next)
        if (signal.aborted) return
        if (next.proven || clock.now() - liveSince >= PROVEN_AFTER) attempt = 0
        logger.info('the Slack socket is to be replaced', { reason: why })
        await this.#replace(next, why, attempt++)
      }
    } catch (caught) {
      current = undefined
      const error = WgrokError.from(caught)
      if (signal.aborted) return
      logger.error('Slack refused the connection for good', { code: error.code, error })
      status.set({ state: 'failed', error })
      throw error
    } finally {
      for (const link of this.#links) link.terminate()
      await Promise.all([...this.#links].map(link => link.ended))
    }
  }

  slackHello(hello: SlackHello, link: Link): void {
    link.greeted(hello)
  }

  slackDisconnect(notice: SlackDisconnect, link: Link): void {
    link.dismissed(notice.reason)
  }

  slackEvent(envelope: SlackEventsApi, link: Link): void {
    const heard = this.#self === undefined ? undefined : readEvent(envelope.payload, this.#self)
    this.#take(heard === undefined ? [] : [heard], envelope.envelope_id, link)
  }

  slackCommand(envelope: SlackSlashCommandEnvelope, link: Link): void {
    const heard = readCommand(envelope.payload, envelope.envelope_id)
    this.#take(heard === undefined ? [] : [heard], envelope.envelope_id, link)
  }

  slackInteraction(envelope: SlackInteractive, link: Link): void {
    this.#take(readInteraction(envelope.payload, envelope.envelope_id), envelope.envelope_id, link)
  }

  async #open(): Promise<Link> {
    const { api, directory, dial, clock, signal, staleAfter = 60_000, ...times } = this.#options
    this.#self ??= await directory.self()
    const { url } = await api.call(slackOpenConnectionCall, { params: {}, signal })
    if (url === undefined) throw new WgrokError('platform-unavailable', 'apps.connections.open gave no URL')
    const link = await openLink(url, {
      ...times,
      dial,
      clock,
      signal,
      staleAfter: staleAfter * this.#patience,
      frame: (text, from) => this.#frame(text, from),
    })
    this.#links.add(link)
    link.ended.then(() => this.#links.delete(link))
    return link
  }

  /** Waits until a link should be replaced, and says so in the status. */
  async #left(link: Link): Promise<Leaving> {
    const { status } = this.#options
    const opened = link.lastFrameAt
    const why = await link.leaving
    if (why === 'stale') status.set({ state: 'stale', lastFrameAt: link.lastFrameAt })
    this.#patience = why === 'stale' && link.lastFrameAt === opened ? Math.min(this.#patience * 2, 64) : 1
    return why
  }

  /** Waits as long as `why` asks for; afterwards a new link is opened. */
  async #replace(link: Link, why: Leaving, attempt: number): Promise<void> {
    const { clock, random, signal, status } = this.#options
    if (why === 'disabled') throw new WgrokError('forbidden', 'Socket Mode is switched off for this app')
    if (why === 'crowded') link.terminate()
    // The first replacement of a working link is not held up.
    if (attempt === 0 && why !== 'ended' && why !== 'crowded') return
    const delayMs = Math.max(backoff({ attempt, random }), why === 'crowded' ? CROWDED_WAIT : 0)
    if (!link.alive || why === 'crowded') status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs })
    await delay(delayMs, signal, clock)
  }

  /** Waits after a link could not be opened. */
  async #wait(current: Link | undefined, attempt: number, error: WgrokError): Promise<void> {
    const { clock, random, signal, status, logger } = this.#options
    const crowded = error.code === 'rate-limited' && error.retryAfterMs === undefined
    const delayMs = Math.max(waitFor(error, attempt, random), crowded ? CROWDED_WAIT : 0)
    logger.warn('no Slack socket', { code: error.code, attempt: attempt + 1, delayMs })
    if (current?.alive !== true) status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs, error })
    await delay(Math.min(delayMs, LIMITS.retryAfterMax), signal, clock)
  }

  #frame(text: string, link: Link): void {
    const value = parse(text)
    dispatchSlackSocketReceives(value, this, link, (undecoded, context) => this.#undecoded(undecoded, value, context))
  }

  /** Nothing that Slack sends kills the connection. Repeating it would change nothing, so it is acked. */
  #undecoded(undecoded: Undecoded, value: unknown, link: Link): void {
    this.#invalid++
    this.#options.logger.warn('a frame from Slack does not match the spec', {
      type: undecoded.type,
      at: undecoded.operation === 'invalid' ? undecoded.errors[0]?.instancePath : undefined,
      count: this.#invalid,
    })
    const id = (value as { readonly envelope_id?: unknown } | null | undefined)?.envelope_id
    if (typeof id === 'string' && id !== '') this.#ack(id, link)
  }

  /** Acks the envelope once the bus has accepted all that it held. */
  #take(heard: readonly Heard[], envelope: string, link: Link): void {
    const { intake, clock, logger } = this.#options
    link.proven = true
    if (heard.length === 0) {
      this.#ack(envelope, link)
      return
    }
    const since = clock.now()
    link.begun()
    Promise.all(heard.map(one => intake.accept(one)))
      .then(
        () => {
          const late = clock.now() - since
          if (late < ACK_DEADLINE) this.#ack(envelope, link)
          else logger.warn('accepted too late to ack; Slack will repeat it', { ms: late })
        },
        caught => {
          const error = WgrokError.from(caught)
          if (this.#options.signal.aborted) return
          logger.warn('a message was not accepted; Slack will repeat it', { code: error.code, error })
        },
      )
      .finally(() => link.settled())
  }

  #ack(envelope: string, link: Link): void {
    // Lost with its socket: Slack repeats the envelope on another one, and it is known by then.
    link.slackAck({ envelope_id: envelope }).catch(() => {})
  }
}

/** Whether trying again is pointless: the token, its scopes, the proxy's credentials, or the app's settings are wrong. */
function isFinal(error: WgrokError): boolean {
  return !error.retryable
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
