import { backoff, type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Dial } from '../dial.js'
import type { StatusFeed } from '../status.js'
import type { InboundMessage, Receipt } from '../transport.js'
import type { Budget } from './budget.js'
import { type FloodLimits, FloodQueue } from './flood.js'
import type { IrcLine } from './framework.js'
import { readMessage } from './inbound.js'
import { type Link, type LinkTimes, openLink } from './link.js'
import { Receipts } from './receipts.js'
import { Reclaim } from './reclaim.js'
import { Rooms } from './rooms.js'
import type { IrcSettings } from './settings.js'

/** How the connection behaves; for servers of one's own and for tests. */
export interface IrcPace extends LinkTimes {
  /** `false` lifts the limit: for a server of one's own that has none. Default burst 4, then one line per 2 s. */
  readonly flood?: FloodLimits | false
  /** Shortest wait before a lost connection is opened again, in ms. Default 5,000. */
  readonly reconnectMin?: number
  /** How long an error may take where the server confirms nothing, in ms. Default twice the server's answering time. */
  readonly confirmMs?: number
}

/** Options of an {@link IrcConnection}. */
export interface IrcConnectionOptions extends IrcPace {
  readonly settings: IrcSettings
  readonly external: boolean
  readonly budget: Budget
  readonly dial: Dial
  readonly status: StatusFeed
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly deliver: (message: InboundMessage) => Promise<void>
}

interface Session {
  readonly link: Link
  readonly rooms: Rooms
  readonly receipts: Receipts
  readonly reclaim: Reclaim
}

const RECONNECT_MIN = 5_000
const RECONNECT_BASE = 5_000
const RECONNECT_MAX = 300_000
/** After the server said that it was too much, and while a ghost holds our nick: servers drop ghosts in 1 to 3 min. */
const PATIENT = 60_000
/** A connection that lived this long has shown that it works, in ms. */
const PROVEN_AFTER = 60_000
/** Longest wait of a send for the connection, in ms. */
const LIVE_TIMEOUT = 60_000

/**
 * One nick on one network, connected again whenever the connection is lost.
 *
 * {@link run} is the only place that changes the state.
 */
export class IrcConnection {
  readonly #options: IrcConnectionOptions
  readonly #flood: FloodQueue
  readonly #waiting = new Set<(outcome: Session | WgrokError) => void>()
  #session: Session | undefined
  #failed: WgrokError | undefined
  #everLive = false
  #ids = 0
  readonly #idBase: string

  constructor(options: IrcConnectionOptions) {
    this.#options = options
    this.#flood = new FloodQueue(options.clock, options.flood)
    this.#idBase = `${options.clock.now().toString(36)}-${Math.floor(options.random() * 2 ** 32).toString(36)}`
  }

  /** Lines that wait in the flood queue. */
  get queued(): number {
    return this.#flood.queued
  }

  /**
   * Keeps the connection open until the signal is aborted.
   *
   * @param live called each time that the connection is live.
   * @throws WgrokError when the server refuses for good; the status says `failed` then.
   */
  async run(live: () => void): Promise<void> {
    const { status, clock, signal, logger } = this.#options
    let attempt = 0
    try {
      while (!signal.aborted) {
        let error: WgrokError
        let since = clock.now()
        try {
          const session = await this.#open()
          since = clock.now()
          this.#everLive = true
          status.set({ state: 'live', since })
          for (const tell of this.#takeWaiting()) tell(session)
          live()
          error = await this.#ended(session.link)
        } catch (caught) {
          error = WgrokError.from(caught)
          if (!signal.aborted && this.#isFinal(error)) throw error
        }
        const ghost = this.#close()
        if (signal.aborted) return
        if (clock.now() - since >= PROVEN_AFTER) attempt = 0
        await this.#pause(attempt++, error, ghost)
      }
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (signal.aborted) return
      logger.error('the IRC server refused the connection for good', { code: error.code, error })
      this.#fail(error)
      status.set({ state: 'failed', error })
      throw error
    } finally {
      this.#close()
      this.#fail(new WgrokError('closed', 'the transport was closed'))
    }
  }

  /**
   * Sends one line, after all that were there before.
   *
   * @throws WgrokError `frame-too-large` when the line would be cut on its way, and whatever the server says.
   */
  async send(target: string, text: string, signal: AbortSignal): Promise<Receipt> {
    try {
      return await this.#attempt(target, text, signal)
    } catch (error) {
      // Kicked while the message was under way: the server did not pass it on, so it may be sent again.
      const kicked = error instanceof WgrokError && error.code === 'forbidden'
      if (!kicked || this.#session?.rooms.isReturning(target) !== true) throw error
      return this.#attempt(target, text, signal)
    }
  }

  async #attempt(target: string, text: string, signal: AbortSignal): Promise<Receipt> {
    const { budget } = this.#options
    const { link, rooms, receipts } = await this.#live(signal)
    if (link.isChannel(target)) await rooms.ensure(target, signal)
    budget.aim(target)
    const room = budget.roomFor(target)
    if (Buffer.byteLength(text) > room) {
      throw new WgrokError('frame-too-large', `an IRC line to this target holds ${room} bytes of text`)
    }
    await this.#flood.take(signal)
    if (!link.alive) throw new WgrokError('connection-lost', 'the IRC connection was lost before the message was sent')
    return receipts.send(target, text)
  }

  async #open(): Promise<Session> {
    const { settings, budget, random, logger, confirmMs, ...rest } = this.#options
    const link = await openLink({
      ...rest,
      settings,
      logger,
      line: line => this.#line(line),
      stale: (stale, from) => this.#stale(stale, from),
    })
    const charge = (): void => this.#flood.charge()
    const rooms = new Rooms({ link, channels: settings.channels, random, logger, charge })
    const receipts = new Receipts({ link, logger, ...(confirmMs === undefined ? {} : { confirmMs }) })
    this.#session = { link, rooms, receipts, reclaim: new Reclaim(link, settings.password) }
    for (const channel of settings.channels) budget.aim(channel)
    link.ended.then(() => rooms.close())
    try {
      await Promise.race([rooms.join(), this.#ended(link).then(error => Promise.reject(error))])
    } catch (error) {
      if (!link.alive) throw await link.ended
      // On later connections the channels are tried again while the rest of the work goes on.
      if (!this.#everLive) throw error
    }
    return this.#session
  }

  /** Waits for the end of a connection, and says goodbye when it is we who want it to end. */
  async #ended(link: Link): Promise<WgrokError> {
    const { signal } = this.#options
    const goodbye = (): void => void link.quit()
    if (signal.aborted) goodbye()
    signal.addEventListener('abort', goodbye, { once: true })
    try {
      return await link.ended
    } finally {
      signal.removeEventListener('abort', goodbye)
    }
  }

  /** Ends what is left of the session; says whether somebody else had our nick in it. */
  #close(): boolean {
    const session = this.#session
    this.#session = undefined
    const lost = new WgrokError('connection-lost', 'the IRC connection was lost before the message was sent')
    this.#flood.clear(lost)
    this.#options.budget.forget()
    session?.link.terminate(lost)
    session?.receipts.close(
      this.#options.signal.aborted
        ? new WgrokError('closed', 'the transport was closed before the message was confirmed')
        : new WgrokError('connection-lost', 'the IRC connection was lost before the message was confirmed'),
    )
    session?.rooms.close()
    return session !== undefined && !session.link.isOwn(session.link.policy.wanted)
  }

  /** Before a first success nothing is known to work; afterwards services may just be away for a while. */
  #isFinal(error: WgrokError): boolean {
    if (error.retryable) return false
    return !this.#everLive || (error.code !== 'auth-failed' && error.code !== 'config-invalid')
  }

  async #pause(attempt: number, error: WgrokError, ghost: boolean): Promise<void> {
    const { clock, random, signal, status, logger, reconnectMin = RECONNECT_MIN } = this.#options
    const slow = error.code === 'rate-limited' || error.code === 'auth-failed' || (ghost && attempt > 0)
    const floor = slow ? Math.max(reconnectMin, PATIENT) : reconnectMin
    const jittered = backoff({ attempt, base: Math.max(RECONNECT_BASE, floor), max: RECONNECT_MAX, random })
    const delayMs = Math.max(floor, jittered)
    logger.warn('no IRC connection', { code: error.code, error, attempt: attempt + 1, delayMs })
    status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs, error })
    await delay(delayMs, signal, clock)
  }

  #live(signal: AbortSignal): Promise<Session> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    if (this.#session?.link.alive === true && this.#options.status.current.state !== 'connecting') {
      const { state } = this.#options.status.current
      if (state === 'live' || state === 'stale') return Promise.resolve(this.#session)
    }
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        timer.cancel()
        this.#waiting.delete(tell)
        signal.removeEventListener('abort', abort)
        act()
      }
      const tell = (outcome: Session | WgrokError): void =>
        settle(() => (outcome instanceof WgrokError ? reject(outcome) : resolve(outcome)))
      const abort = (): void => settle(() => reject(WgrokError.from(signal.reason, 'aborted')))
      const timer = this.#options.clock.setTimeout(
        () => settle(() => reject(new WgrokError('platform-unavailable', 'there is no IRC connection'))),
        LIVE_TIMEOUT,
      )
      if (signal.aborted) return abort()
      this.#waiting.add(tell)
      signal.addEventListener('abort', abort, { once: true })
    })
  }

  #fail(error: WgrokError): void {
    this.#failed ??= error
    for (const tell of this.#takeWaiting()) tell(error)
  }

  #takeWaiting(): readonly ((outcome: Session | WgrokError) => void)[] {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    return waiting
  }

  #stale(stale: boolean, link: Link): void {
    const { status, clock } = this.#options
    if (this.#session?.link !== link || !(['live', 'stale'] as string[]).includes(status.current.state)) return
    status.set(stale ? { state: 'stale', lastFrameAt: link.lastFrameAt } : { state: 'live', since: clock.now() })
  }

  #line(line: IrcLine): void {
    const session = this.#session
    if (session === undefined) return
    this.#masks(line, session.link)
    session.reclaim.heard(line)
    if (!session.rooms.heard(line)) session.receipts.heard(line)
    const message = readMessage(line, session.link, () => `${this.#idBase}-${this.#ids++}`)
    if (message === undefined) return
    this.#options.deliver(message).catch(caught => {
      const error = WgrokError.from(caught)
      this.#options.logger.warn('a message was not accepted; IRC does not repeat it', { code: error.code, error })
    })
  }

  /** What the line says about our own mask, or about those of the others in our channels. */
  #masks(line: IrcLine, link: Link): void {
    const { budget } = this.#options
    const { command, params, nick, prefix } = line
    if (command === 'NICK' && link.isOwn(params[0] ?? '')) budget.change({ nick: link.nick })
    else if (command === 'CHGHOST' && link.isOwn(nick)) budget.change({ user: params[0] ?? '', host: params[1] ?? '' })
    else if (command === '396') {
      const [user, host] = (params[1] ?? '').split('@')
      if (host === undefined) budget.change({ host: user ?? '' })
      else budget.change({ user: user ?? '', host })
    } else if (command === 'JOIN' || command === 'PRIVMSG') {
      if (link.isOwn(nick)) budget.learn(prefix)
      else budget.meet(prefix)
    } else if (command === '353' && link.has('userhost-in-names')) {
      for (const name of (params.at(-1) ?? '').split(' ')) {
        const mask = name.replace(/^[^\p{L}\p{Nd}[\]\\`_^{|}]+/u, '')
        if (!link.isOwn(mask.slice(0, mask.indexOf('!')))) budget.meet(mask)
      }
    }
  }
}
