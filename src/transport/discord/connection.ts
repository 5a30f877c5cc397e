import type { DiscordGatewayBot, DiscordMessage, DiscordReady } from '../../../generated/models.js'
import type { Undecoded } from '../../../generated/stubs.js'
import { validateDiscordMessage } from '../../../generated/validators.js'
import { backoff, type Clock, delay } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Dial } from '../dial.js'
import type { StatusFeed } from '../status.js'
import type { DiscordApi } from './api.js'
import { type Ending, endingError, judge } from './ending.js'
import { IdentifyBudget } from './identify-budget.js'
import type { DiscordSelf } from './identity.js'
import { Link, type Session } from './link.js'

/** Options of a {@link DiscordConnection}. */
export interface ConnectionOptions {
  readonly token: string
  readonly api: Pick<DiscordApi, 'getGateway'>
  readonly dial: Dial
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  readonly status: StatusFeed
  /** Insist on TLS. True unless the API itself is reached without. */
  readonly secure: boolean
  /** A message was written somewhere. */
  readonly heard: (message: DiscordMessage, self: DiscordSelf) => void
}

/** Resumes that must have failed, over this many ms, before somebody else is asked whether the session is lost. */
const RESUMES_MAX = 3
const RESUMES_TIME = 15_000
/** A connection that lived this long makes earlier failures count no more, in ms. */
const STABLE = 10_000
/** After op 9 Discord wants 1 to 5 seconds of patience. */
const INVALID_MIN = 1_000
const INVALID_SPREAD = 4_000

/**
 * Keeps one session with the gateway alive over any number of connections: resumes what can be resumed, starts anew
 * where not, and stops for good when Discord says so.
 */
export class DiscordConnection {
  readonly #options: ConnectionOptions
  readonly #stop = new AbortController()
  readonly #identifies: IdentifyBudget
  /** Links whose socket is not gone yet. */
  readonly #links = new Set<Link>()
  #session: Session | undefined
  #self: DiscordSelf | undefined
  #liveSince = 0
  #wasLive = false
  #failures = 0
  #failedResumes = 0
  #resumingSince = 0
  #lastChance = false
  #badFrames = 0
  #running: Promise<void> | undefined
  #started: { resolve: () => void; reject: (error: WgrokError) => void } | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#identifies = new IdentifyBudget(options.clock)
  }

  /** Resolves once live. @throws WgrokError when Discord refuses for good, or `closed`. Call once. */
  start(): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.reject(closedError())
    const live = new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject }
    })
    this.#running = this.#run()
    return live
  }

  /** Idempotent. Resolves when sockets and timers are gone. */
  async close(): Promise<void> {
    this.#stop.abort(closedError())
    for (const link of this.#links) link.close()
    await this.#running
    await Promise.all([...this.#links].map(link => link.closed))
    this.#started?.reject(closedError())
    this.#options.status.set({ state: 'closed' })
  }

  async #run(): Promise<void> {
    const { clock, logger, status } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      const ending = await this.#connect().catch((error): Ending => ({ how: 'refused', error: WgrokError.from(error) }))
      if (signal.aborted) return
      const error = this.#settle(ending)
      if (error !== undefined) {
        logger.error('discord refuses the account', { code: error.code, error })
        status.set({ state: 'failed', error })
        this.#started?.reject(error)
        return
      }
      const delayMs = this.#waitAfter(ending)
      const cause = endingError(ending)
      logger.info('discord connection ended', {
        code: cause.code,
        how: ending.how,
        delayMs,
        resume: this.#session !== undefined,
      })
      status.set({ state: 'reconnecting', attempt: this.#failures, delayMs, error: cause })
      this.#failures++
      await delay(delayMs, signal, clock).catch(() => {})
    }
  }

  /** One connection from beginning to end. */
  async #connect(): Promise<Ending> {
    const { clock, dial, random, secure, token } = this.#options
    const session = await this.#resumable()
    const url = session === undefined ? (await this.#gateway()).url : session.resumeUrl
    this.#stop.signal.throwIfAborted()
    if (session === undefined) this.#identifies.started()
    else if (this.#failedResumes++ === 0) this.#resumingSince = clock.now()
    const link = new Link({
      url: gatewayUrl(url, secure),
      token,
      session,
      dial,
      clock,
      random,
      events: {
        ready: (begun, ready) => this.#ready(begun, ready),
        resumed: () => this.#live(),
        dispatch: ({ t, d }) => {
          if (t === 'MESSAGE_CREATE') this.#heard(d)
        },
        stale: lastFrameAt => this.#options.status.set({ state: 'stale', lastFrameAt }),
        fresh: () => this.#options.status.set({ state: 'live', since: this.#liveSince }),
        bad: problem => this.#bad(problem),
      },
    })
    this.#links.add(link)
    void link.closed.then(() => this.#links.delete(link))
    return link.ended
  }

  /**
   * The session to take up. After failed resumes the API is asked: while it does not answer either, the network is down
   * and the session may still be there. Once it answers, the session gets one more chance, and is lost after that.
   */
  async #resumable(): Promise<Session | undefined> {
    const over = this.#options.clock.now() - this.#resumingSince >= RESUMES_TIME
    if (this.#session === undefined || this.#failedResumes < RESUMES_MAX || !over) return this.#session
    const last = this.#lastChance
    this.#lastChance = false
    await this.#options.api.getGateway(this.#stop.signal)
    if (last) {
      this.#options.logger.info('discord session given up', { failedResumes: this.#failedResumes })
      this.#session = undefined
    }
    this.#lastChance = !last
    return this.#session
  }

  /** Where to start a session, once the budget allows it. */
  async #gateway(): Promise<DiscordGatewayBot> {
    const { api, clock, logger, status } = this.#options
    const { signal } = this.#stop
    for (;;) {
      const gateway = await api.getGateway(signal)
      const { ms, askAgain } = this.#identifies.wait(gateway)
      if (askAgain) {
        logger.warn('discord allows no further session for now', { waitMs: ms })
        status.set({ state: 'reconnecting', attempt: this.#failures, delayMs: ms })
      }
      if (ms > 0) await delay(ms, signal, clock)
      if (!askAgain) return gateway
    }
  }

  #ready(session: Session, ready: DiscordReady): void {
    this.#session = session
    this.#self = { userId: ready.user.id, applicationId: ready.application?.id }
    this.#live()
  }

  #live(): void {
    this.#liveSince = this.#options.clock.now()
    this.#wasLive = true
    this.#failedResumes = 0
    this.#lastChance = false
    this.#options.status.set({ state: 'live', since: this.#liveSince })
    this.#started?.resolve()
    this.#started = undefined
  }

  #heard(data: unknown): void {
    if (this.#self === undefined) return
    if (validateDiscordMessage(data)) this.#options.heard(data, this.#self)
    else this.#bad({ operation: 'invalid', type: 'MESSAGE_CREATE', errors: [] })
  }

  /** Nothing of the frame itself: it may hold anything. */
  #bad(problem: Undecoded | 'json' | 'ready'): void {
    const { logger } = this.#options
    const what = typeof problem === 'string' ? problem : `${problem.operation} ${problem.type ?? ''}`.trim()
    if (typeof problem !== 'string' && problem.operation === 'unknown') {
      logger.debug('discord frame ignored', { what })
      return
    }
    this.#badFrames++
    logger.warn('discord frame does not match the spec', { what, count: this.#badFrames })
  }

  /** Draws the conclusions from an ending; returns the error that makes it the last one. */
  #settle(ending: Ending): WgrokError | undefined {
    if (this.#liveSince > 0 && this.#options.clock.now() - this.#liveSince >= STABLE) this.#failures = 0
    this.#liveSince = 0
    const verdict = judge(ending)
    if (verdict.next === 'fail') return verdict.error
    if (verdict.next === 'identify') this.#session = undefined
    if (this.#session === undefined) {
      this.#failedResumes = 0
      this.#lastChance = false
    }
    if (ending.how !== 'refused' || ending.error.retryable) return undefined
    // What was fine before may be fine again, unless it is about the token.
    return this.#wasLive && ending.error.code !== 'auth-failed' ? undefined : ending.error
  }

  #waitAfter(ending: Ending): number {
    const { random } = this.#options
    const wait = backoff({ attempt: this.#failures, random })
    if (ending.how === 'reconnect' && this.#failures === 0) return 0
    if (ending.how === 'invalid') return Math.max(wait, Math.floor(INVALID_MIN + INVALID_SPREAD * random()))
    if (ending.how === 'refused' && ending.error.retryAfterMs !== undefined) return ending.error.retryAfterMs
    return wait
  }
}

function gatewayUrl(base: string, secure: boolean): string {
  const url = URL.canParse(base) ? new URL(base) : undefined
  if (url === undefined || (secure && url.protocol !== 'wss:')) {
    throw new WgrokError('platform-rejected', 'the gateway URL that Discord handed out is not one')
  }
  url.searchParams.set('v', '10')
  url.searchParams.set('encoding', 'json')
  return url.href
}

function closedError(): WgrokError {
  return new WgrokError('closed', 'the transport was closed')
}
