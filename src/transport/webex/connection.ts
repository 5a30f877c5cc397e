import type { WebexMercuryFrame } from '../../../generated/models.js'
import { dispatchWebexMercuryReceives, type Undecoded, type WebexMercuryReceives } from '../../../generated/stubs.js'
import type { StatusFeed } from '../../bridge/status.js'
import { backoff, type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Dial } from '../dial.js'
import { waitFor } from '../retry.js'
import type { WebexDevices } from './device.js'
import type { Intake } from './intake.js'
import { defined, type Leaving, type Link, type LinkTimes, openLink } from './link.js'

/** Options of a {@link WebexConnection}. */
export interface WebexConnectionOptions extends LinkTimes {
  readonly token: string
  readonly devices: WebexDevices
  readonly intake: Intake
  readonly dial: Dial
  readonly status: StatusFeed
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Default 300,000 ms. */
  readonly deafCheck?: number
}

/** A link that lived this long has shown that it works, in ms. */
const PROVEN_AFTER = 10_000
/** Silence of a live socket after which its rooms are read back to see whether it is deaf, in ms. */
const DEAF_CHECK = 5 * 60_000
/** Renewals of a device in a row before the connection waits like after any other failure. */
const RENEWALS = 3

/**
 * Mercury: one live socket, replaced before it goes where Webex gives notice.
 *
 * {@link run} is the only place that changes the state. After every gap the rooms of late are read back, since Webex
 * repeats nothing.
 */
export class WebexConnection implements WebexMercuryReceives<Link, void> {
  readonly #options: WebexConnectionOptions
  readonly #links = new Set<Link>()
  #invalid = 0

  constructor(options: WebexConnectionOptions) {
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
   * @throws WgrokError when Webex refuses for good; the status says `failed` then.
   */
  async run(live: () => void): Promise<void> {
    const { clock, intake, logger, signal, status } = this.#options
    let current: Link | undefined
    let attempt = 0
    let renewals = 0
    try {
      while (!signal.aborted) {
        let next: Link
        try {
          next = await this.#open()
        } catch (caught) {
          const error = WgrokError.from(caught)
          if (signal.aborted) return
          if (error.code === 'target-not-found' && renewals++ < RENEWALS) {
            await this.#options.devices.renew(signal)
            continue
          }
          if (!error.retryable && error.code !== 'target-not-found') throw error
          await this.#wait(current, attempt++, error)
          continue
        }
        renewals = 0
        const since = clock.now()
        const again = current !== undefined
        current?.retire()
        current = next
        status.set({ state: 'live', since })
        live()
        if (again) this.#background(intake.catchUp())
        this.#background(this.#listenForDeafness(next))
        const why = await next.leaving
        if (signal.aborted) return
        if (clock.now() - since >= PROVEN_AFTER) attempt = 0
        logger.info('the Webex socket is to be replaced', { reason: why })
        await this.#leave(why, attempt++)
      }
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (signal.aborted || error.code === 'aborted') return
      logger.error('Webex refused the connection for good', { code: error.code, error })
      status.set({ state: 'failed', error })
      throw error
    } finally {
      for (const link of this.#links) link.terminate()
      await Promise.all([...this.#links].map(link => link.ended))
    }
  }

  webexFrame(frame: WebexMercuryFrame, link: Link): void {
    const { intake, logger } = this.#options
    const lost = link.heard(frame)
    if (lost > 0) {
      logger.warn('Webex frames were lost', { frames: lost })
      this.#background(intake.catchUp())
    }
    const { data } = frame
    if (data?.eventType === 'conversation.activity' && data.activity !== undefined) {
      this.#background(intake.announced(data.activity))
    }
  }

  async #open(): Promise<Link> {
    const { clock, devices, dial, pingInterval, pongTimeout, readyTimeout, signal, token } = this.#options
    const device = await devices.acquire(signal)
    const link = await openLink(device.webSocketUrl, {
      ...defined({ pingInterval, pongTimeout, readyTimeout }),
      token,
      dial,
      clock,
      signal,
      frame: (text, from) => this.#frame(text, from),
    })
    this.#links.add(link)
    link.ended.then(() => this.#links.delete(link))
    return link
  }

  /** A socket may be healthy and silent for ever: only the rooms themselves tell whether anything was said. */
  async #listenForDeafness(link: Link): Promise<void> {
    const { clock, deafCheck = DEAF_CHECK, intake, logger, status } = this.#options
    const over = new AbortController()
    link.ended.then(() => over.abort())
    while (link.alive) {
      const heardBefore = intake.heard
      await delay(deafCheck, over.signal, clock).catch(() => {})
      if (!link.alive || intake.heard !== heardBefore) continue
      const missed = await intake.catchUp()
      if (missed === 0 || !link.alive) continue
      logger.warn('Webex sent no event for messages that are there; the socket is replaced', { messages: missed })
      status.set({ state: 'stale', lastFrameAt: link.lastFrameAt })
      link.drop('idle')
    }
  }

  async #leave(why: Leaving, attempt: number): Promise<void> {
    const { clock, devices, random, signal, status } = this.#options
    if (why === 'refused') throw new WgrokError('auth-failed', 'Webex refused the token')
    if (why === 'renew') await devices.renew(signal)
    if (why === 'replaced') devices.yield()
    // The first replacement of a working link is not held up.
    const delayMs = attempt === 0 ? 0 : backoff({ attempt, random })
    status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs })
    if (delayMs > 0) await delay(delayMs, signal, clock)
  }

  /** Waits after a link could not be opened. */
  async #wait(current: Link | undefined, attempt: number, error: WgrokError): Promise<void> {
    const { clock, logger, random, signal, status } = this.#options
    const delayMs = waitFor(error, attempt, random)
    logger.warn('no Webex socket', { code: error.code, attempt: attempt + 1, delayMs })
    if (current?.alive !== true) status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs, error })
    await delay(delayMs, signal, clock)
  }

  #frame(text: string, link: Link): void {
    dispatchWebexMercuryReceives(parse(text), this, link, undecoded => this.#undecoded(undecoded))
  }

  /** Nothing that Webex sends kills the connection. */
  #undecoded(undecoded: Undecoded): void {
    this.#invalid++
    this.#options.logger.warn('a frame from Webex does not match the spec', {
      at: undecoded.operation === 'invalid' ? undecoded.errors[0]?.instancePath : undefined,
      count: this.#invalid,
    })
  }

  /** Webex knows no ack of a message: what is refused here is found again when its room is read back. */
  #background(work: Promise<unknown>): void {
    work.catch(caught => {
      const error = WgrokError.from(caught)
      if (!this.#options.signal.aborted) {
        this.#options.logger.warn('a Webex message was not accepted', { code: error.code, error })
      }
    })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
