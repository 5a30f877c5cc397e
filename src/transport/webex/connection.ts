import type { WebexMercuryFrame } from '../../../generated/models.js'
import { dispatchWebexMercuryReceives, type Undecoded, type WebexMercuryReceives } from '../../../generated/stubs.js'
import { backoff, type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Dial } from '../dial.js'
import { waitFor } from '../retry.js'
import type { StatusFeed } from '../status.js'
import type { WebexDevices } from './device.js'
import type { Intake } from './intake.js'
import { defined, type Leaving, Link, type LinkTimes } from './link.js'

/** Options of a {@link WebexConnection}. */
export interface WebexConnectionOptions extends LinkTimes {
  readonly token: string
  readonly devices: WebexDevices
  /** Asked once, before the first socket is opened: it has to know whose token it is. */
  readonly intake: () => Promise<Intake>
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
const FORGOTTEN = new WgrokError('platform-unavailable', 'Webex does not know the socket of its device')

/**
 * Mercury: one live socket, replaced before it goes where Webex gives notice.
 *
 * {@link run} is the only place that changes the state. After every gap the rooms of late are read back, since Webex
 * repeats nothing.
 */
export class WebexConnection implements WebexMercuryReceives<Link, void> {
  readonly #options: WebexConnectionOptions
  readonly #links = new Set<Link>()
  #intake: Intake | undefined
  #wasLive = false
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
    const { clock, devices, logger, signal, status } = this.#options
    let current: Link | undefined
    let attempt = 0
    let renewals = 0
    try {
      while (!signal.aborted) {
        let next: Link | undefined
        try {
          next = await this.#open()
        } catch (caught) {
          const error = WgrokError.from(caught)
          if (signal.aborted) return
          if (!error.retryable) throw error
          await this.#wait(current, attempt++, error)
          continue
        }
        if (next === undefined) {
          devices.renew()
          if (renewals++ >= RENEWALS) await this.#wait(current, attempt++, FORGOTTEN)
          continue
        }
        renewals = 0
        devices.proven()
        const since = clock.now()
        const heardBefore = this.#intake?.heard
        current?.retire()
        current = next
        if (!this.#wasLive) await this.#intake?.begin()
        this.#wasLive = true
        if (signal.aborted) return
        status.set({ state: 'live', since })
        live()
        this.#listenForDeafness(next).catch(() => {})
        const why = await next.leaving
        if (signal.aborted) return
        // A link on which something was heard has shown that it works.
        if (clock.now() - since >= PROVEN_AFTER || this.#intake?.heard !== heardBefore) attempt = 0
        logger.info('the Webex socket is to be replaced', { reason: why })
        await this.#leave(next, why, attempt++)
      }
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (signal.aborted) return
      logger.error('Webex refused the connection for good', { code: error.code, error })
      status.set({ state: 'failed', error })
      throw error
    } finally {
      for (const link of this.#links) link.terminate()
      await Promise.all([...this.#links].map(link => link.ended))
    }
  }

  webexFrame(frame: WebexMercuryFrame, link: Link): void {
    const intake = this.#intake
    const wasReady = link.ready
    const lost = link.heard(frame)
    if (intake === undefined) return
    if (lost > 0) {
      this.#options.logger.warn('Webex frames were lost', { frames: lost })
      void intake.catchUp()
    } else if (link.ready && !wasReady && this.#wasLive) {
      // At once, so that what comes over the new socket waits for what its predecessor has missed.
      void intake.catchUp()
    }
    const { data } = frame
    if (data?.eventType === 'conversation.activity' && data.activity !== undefined) {
      void intake.announced(data.activity)
    }
  }

  /** @returns undefined when Webex does not know the socket of the device. */
  async #open(): Promise<Link | undefined> {
    const { clock, devices, dial, intake, pingInterval, pongTimeout, readyTimeout, signal, token } = this.#options
    this.#intake ??= await intake()
    const device = await devices.acquire(signal)
    const link = new Link({
      ...defined({ pingInterval, pongTimeout, readyTimeout }),
      token,
      dial,
      clock,
      signal,
      frame: (text, from) => this.#frame(text, from),
    })
    try {
      await link.open(device.webSocketUrl)
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (error.code === 'target-not-found') return undefined
      // One that was closed says more than that it could not be opened.
      if (link.failure !== undefined && (await link.leaving) === 'replaced') devices.yield()
      throw error
    }
    this.#links.add(link)
    link.ended.then(() => this.#links.delete(link))
    return link
  }

  /** A socket may be healthy and silent for ever: only the rooms themselves tell whether anything was said. */
  async #listenForDeafness(link: Link): Promise<void> {
    const { clock, deafCheck = DEAF_CHECK, logger, status } = this.#options
    const intake = this.#intake
    if (intake === undefined) return
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
      link.drop('idle', 'deaf')
    }
  }

  /** Prepares what `why` asks for and waits as long as it takes; afterwards a new link is opened. */
  async #leave(link: Link, why: Leaving, attempt: number): Promise<void> {
    const { clock, devices, random, signal, status } = this.#options
    if (why === 'refused') throw link.failure ?? new WgrokError('platform-rejected', 'Webex closed the socket for good')
    if (why === 'renew') devices.renew()
    if (why === 'replaced') devices.yield()
    if (why === 'deaf') await devices.reset(signal)
    // The first replacement of a working link is not held up.
    const delayMs = attempt === 0 ? 0 : backoff({ attempt, random })
    const down = (): void => {
      if (this.#links.size === 0 && !signal.aborted)
        status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs })
    }
    if (link.alive) void link.ended.then(down)
    else down()
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
    dispatchWebexMercuryReceives(parse(text), this, link, undecoded => this.#undecoded(undecoded, parse(text), link))
  }

  /** Nothing that Webex sends kills the connection. */
  #undecoded(undecoded: Undecoded, value: unknown, link: Link): void {
    this.#invalid++
    const { id, sequenceNumber } = (value ?? {}) as Readonly<Record<string, unknown>>
    // It was not lost, so that it counts, and is acked like every frame.
    link.heard({
      ...(typeof id === 'string' ? { id } : {}),
      ...(typeof sequenceNumber === 'number' ? { sequenceNumber } : {}),
    })
    this.#options.logger.warn('a frame from Webex does not match the spec', {
      at: undecoded.operation === 'invalid' ? undecoded.errors[0]?.instancePath : undefined,
      count: this.#invalid,
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
