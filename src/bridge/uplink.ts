import { isErrorCode } from '../../generated/errors.js'
import type { BridgeError, BridgeRegister, BridgeReply } from '../../generated/models.js'
import { backoff, type Clock, type Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Dial } from '../transport/dial.js'
import { openSocket, type Socket } from '../transport/socket.js'
import { StatusFeed } from '../transport/status.js'
import type { TransportStatus } from '../transport/transport.js'
import { writeEnvelope } from './envelope.js'
import { Heartbeat } from './heartbeat.js'
import type { BridgeLimits } from './limits.js'
import type { BridgeTarget } from './target.js'

/** One socket of a client. */
export interface Link {
  readonly socket: Socket
  readonly heartbeat: Heartbeat
  /** Resolves when the socket is gone. */
  readonly gone: Promise<void>
}

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'opening'; readonly attempt: number; readonly abort: AbortController }
  | { readonly name: 'registering'; readonly attempt: number; readonly link: Link; readonly timer: Timer }
  | { readonly name: 'live'; readonly attempt: number; readonly link: Link; readonly since: number }
  | { readonly name: 'waiting'; readonly attempt: number; readonly timer: Timer }
  | { readonly name: 'failed'; readonly error: WgrokError }
  | { readonly name: 'closed' }

/** What an {@link Uplink} is made of, and whom it tells. */
export interface UplinkOptions {
  readonly target: BridgeTarget
  readonly dial: Dial
  readonly limits: BridgeLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly random: (() => number) | undefined
  /** What to register with, asked for at each connection. */
  register(): BridgeRegister
  /** A text frame. */
  heard(text: string, link: Link): void
  /** The registration was confirmed. */
  live(socket: Socket, reply: BridgeReply): void
  /** A connection that was live is not any more, for the reason that the server gave, if it did. */
  down(error: WgrokError): void
  /** It is over, for good or until the next connect. */
  failed(error: WgrokError): void
}

/** Errors after which another attempt would end in the same way. */
const FINAL: ReadonlySet<string> = new Set(['auth-failed', 'forbidden', 'name-invalid', 'target-not-found'])

/** Close codes of RFC 6455 that say what to do next. */
const POLICY_VIOLATION = 1008
const MESSAGE_TOO_BIG = 1009

/** A connection that lived this long was a good one: the next wait is a short one again. */
const STEADY_MS = 10_000

/** Keeps one registered connection to a bridge, with backoff between attempts. */
export class Uplink {
  readonly #options: UplinkOptions
  readonly #status = new StatusFeed({ state: 'connecting' })
  readonly #waiting = new Set<{ resolve(): void; reject(error: WgrokError): void }>()
  #state: State = { name: 'idle' }
  /** Why the server is about to close, when it said so. */
  #refusal: WgrokError | undefined

  constructor(options: UplinkOptions) {
    this.#options = options
  }

  /** Whether the client is registered right now. */
  get live(): boolean {
    return this.#state.name === 'live'
  }

  /** Whether the reply that confirms the registration is still to come. */
  get registering(): boolean {
    return this.#state.name === 'registering'
  }

  /** Why nothing can be sent any more; undefined as long as there is hope. */
  get failure(): WgrokError | undefined {
    if (this.#state.name === 'failed') return this.#state.error
    return this.#state.name === 'closed' ? closedError() : undefined
  }

  /** Resolves once registered. @throws WgrokError as {@link BridgeClient.connect}. */
  connect(signal: AbortSignal | undefined): Promise<void> {
    if (this.#state.name === 'closed') return Promise.reject(closedError())
    if (this.#state.name === 'live') return Promise.resolve()
    if (signal?.aborted === true) return Promise.reject(WgrokError.from(signal.reason, 'aborted'))
    const registered = this.#wait(signal)
    if (this.#state.name === 'idle' || this.#state.name === 'failed') this.#open(0)
    return registered
  }

  /** Every change of state, beginning with the present one; ends after `closed`. */
  status(): AsyncIterable<TransportStatus> {
    return this.#status.follow()
  }

  /** The reply that confirms the registration has come. */
  confirmed(reply: BridgeReply): void {
    const state = this.#state
    if (state.name !== 'registering') return
    const since = this.#options.clock.now()
    this.#enter({ name: 'live', attempt: state.attempt, link: state.link, since })
    this.#status.set({ state: 'live', since })
    this.#options.live(state.link.socket, reply)
    for (const waiter of [...this.#waiting]) waiter.resolve()
  }

  /** The server has said why it refuses something, and perhaps why it is about to close. */
  refused(error: BridgeError): WgrokError {
    this.#refusal = readRefusal(error)
    return this.#refusal
  }

  /** Closes for good; resolves when the socket is gone. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state
    if (state.name === 'closed') return
    this.#enter({ name: 'closed' })
    this.#status.set({ state: 'closed' })
    this.#options.failed(closedError())
    for (const waiter of [...this.#waiting]) waiter.reject(closedError())
    if (state.name === 'live' || state.name === 'registering') await this.#hangUp(state.link)
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const end = (settle: () => void): void => {
        this.#waiting.delete(waiter)
        signal?.removeEventListener('abort', abort)
        settle()
      }
      const waiter = {
        resolve: (): void => end(resolve),
        reject: (error: WgrokError): void => end(() => reject(error)),
      }
      const abort = (): void => waiter.reject(WgrokError.from(signal?.reason, 'aborted'))
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #open(attempt: number): void {
    const { target, dial, limits } = this.#options
    const abort = new AbortController()
    this.#refusal = undefined
    if (this.#state.name === 'failed') this.#status.set({ state: 'connecting' })
    this.#enter({ name: 'opening', attempt, abort })
    let link: Link | undefined
    let end = (): void => {}
    const gone = new Promise<void>(resolve => {
      end = resolve
    })
    openSocket(
      target.url,
      {
        message: text => this.#hear(text, link),
        close: (code, reason) => {
          end()
          this.#lost(link, this.#closeError(code, reason))
        },
        ping: () => link?.heartbeat.heard(),
        pong: () => link?.heartbeat.heard(),
      },
      {
        dial,
        headers: target.token === undefined ? {} : { authorization: `Bearer ${target.token}` },
        signal: abort.signal,
        maxPayload: limits.payload,
        handshakeTimeoutMs: limits.registerTimeout,
      },
    ).then(
      socket => {
        link = { socket, heartbeat: this.#watch(socket), gone }
        if (this.#isOpening(abort)) this.#register(link, attempt)
        else void this.#hangUp(link)
      },
      error => {
        if (this.#isOpening(abort)) this.#retry(WgrokError.from(error), attempt)
      },
    )
  }

  #isOpening(abort: AbortController): boolean {
    return this.#state.name === 'opening' && this.#state.abort === abort
  }

  #register(link: Link, attempt: number): void {
    const { clock, limits, register } = this.#options
    const timer = clock.setTimeout(() => {
      this.#lost(link, new WgrokError('timeout', 'the registration was not answered'))
      link.socket.terminate()
    }, limits.registerTimeout)
    this.#enter({ name: 'registering', attempt, link, timer })
    // A failure is followed by the socket's close.
    link.socket.send(writeEnvelope(register())).catch(() => {})
  }

  #watch(socket: Socket): Heartbeat {
    const { clock, limits } = this.#options
    return new Heartbeat({
      clock,
      pingInterval: limits.pingInterval,
      pongTimeout: limits.pongTimeout,
      ping: () => socket.ping(),
      dead: lastFrameAt => {
        this.#status.set({ state: 'stale', lastFrameAt })
        socket.terminate()
      },
    })
  }

  #hear(text: string, link: Link | undefined): void {
    if (link === undefined || !this.#isCurrent(link)) return
    link.heartbeat.heard()
    this.#options.heard(text, link)
  }

  #isCurrent(link: Link): boolean {
    return (this.#state.name === 'live' || this.#state.name === 'registering') && this.#state.link === link
  }

  #lost(link: Link | undefined, error: WgrokError): void {
    link?.heartbeat.stop()
    const state = this.#state
    if (link === undefined || (state.name !== 'live' && state.name !== 'registering') || state.link !== link) return
    const steady = state.name === 'live' && this.#options.clock.now() - state.since >= STEADY_MS
    if (state.name === 'live') this.#options.down(error)
    this.#retry(error, steady ? 0 : state.attempt)
  }

  #retry(error: WgrokError, attempt: number): void {
    const { clock, logger, random } = this.#options
    if (FINAL.has(error.code)) {
      this.#fail(error)
      return
    }
    const delayMs = backoff({ attempt, ...(random === undefined ? {} : { random }) })
    logger.warn('not connected to the bridge', { code: error.code, attempt, delayMs })
    const timer = clock.setTimeout(() => this.#open(attempt + 1), delayMs)
    this.#enter({ name: 'waiting', attempt, timer })
    this.#status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs, error })
  }

  #fail(error: WgrokError): void {
    this.#options.logger.error('the bridge refuses this client', { code: error.code })
    this.#enter({ name: 'failed', error })
    this.#status.set({ state: 'failed', error })
    this.#options.failed(error)
    for (const waiter of [...this.#waiting]) waiter.reject(error)
  }

  /** Our server says the error code as the reason of the close; others say why in an error before it. */
  #closeError(code: number, reason: string): WgrokError {
    if (code === MESSAGE_TOO_BIG) return new WgrokError('body-too-large', 'the bridge takes no envelope of this size')
    if (code >= 4000 && isErrorCode(reason)) return new WgrokError(reason, 'the bridge closed the connection')
    if (code === POLICY_VIOLATION && this.#refusal !== undefined) return this.#refusal
    return new WgrokError('connection-lost', `the connection to the bridge closed with ${code}`)
  }

  async #hangUp(link: Link): Promise<void> {
    link.heartbeat.stop()
    link.socket.close(1000, 'closed')
    const timer = this.#options.clock.setTimeout(() => link.socket.terminate(), this.#options.limits.closeTimeout)
    await link.gone
    timer.cancel()
  }

  /** The only place where the state changes: what belonged to the old one ends here. */
  #enter(next: State): void {
    const old = this.#state
    if (old.name === 'registering' || old.name === 'waiting') old.timer.cancel()
    if (old.name === 'opening' && next.name === 'closed') old.abort.abort()
    this.#state = next
  }
}

function closedError(): WgrokError {
  return new WgrokError('closed', 'the client was closed')
}

function readRefusal(error: BridgeError): WgrokError {
  const code = (error.message ?? '').split(':', 1)[0] ?? ''
  return new WgrokError(isErrorCode(code) ? code : 'platform-rejected', `the bridge answered with ${error.code}`)
}
