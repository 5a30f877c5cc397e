import { isErrorCode } from '../../generated/errors.js'
import type { BridgeEnvelope, BridgeError, BridgeEvent, BridgeMessage, BridgeReply } from '../../generated/models.js'
import { type BridgeSends, dispatchBridgeSends, type Undecoded } from '../../generated/stubs.js'
import { backoff, type Clock, systemClock, type Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, silent } from '../log.js'
import { createDial, type Dial, type DialTls } from '../transport/dial.js'
import { openSocket, type Socket } from '../transport/socket.js'
import type { TransportStatus } from '../transport/transport.js'
import {
  type EventFields,
  errorEnvelope,
  type MessageFields,
  type ReplyFields,
  sessionKeyOf,
  writeEnvelope,
} from './envelope.js'
import { Heartbeat } from './heartbeat.js'
import { readJson } from './json.js'
import { BRIDGE_LIMITS, type BridgeLimits } from './limits.js'
import { SendQueue } from './send-queue.js'
import {
  type BridgeSession,
  type BridgeStream,
  createSession,
  createStream,
  fieldsOf,
  type MessageHandler,
  type ReplyHandler,
} from './session.js'
import { StatusFeed } from './status.js'
import { type BridgeTarget, readTarget } from './target.js'

/** Options of a {@link BridgeClient}. */
export interface BridgeClientOptions {
  /** `ws://platform:token@host:port`, or `wss`; platform and token may also stand in their own options. */
  readonly url: string
  readonly platform?: string
  readonly token?: string
  /** What this adapter can show. Default `['text']`. */
  readonly capabilities?: readonly string[]
  /** Proxy: http, https or socks5 URL. */
  readonly proxy?: string
  /** A private CA, a client certificate. */
  readonly tls?: DialTls
  readonly logger?: Logger
  readonly clock?: Clock
  /** Returns 0 <= x < 1. Default `Math.random`. */
  readonly random?: () => number
  readonly limits?: Partial<BridgeLimits>
}

/** Options of one send. */
export interface ClientSendOptions {
  /** Calls the send off, as long as the envelope is not with the system. */
  readonly signal?: AbortSignal
}

interface Link {
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

/** What a client does with what comes in. */
interface ClientHandlers {
  message?: MessageHandler
  reply?: ReplyHandler
  event?: (event: BridgeEvent, session: BridgeSession) => void | Promise<void>
  error?: (error: BridgeError) => void
}

/** Errors after which another attempt would end in the same way. */
const FINAL: ReadonlySet<string> = new Set(['auth-failed', 'forbidden', 'name-invalid', 'target-not-found'])

/** A connection that lived this long was a good one: the next wait is a short one again. */
const STEADY_MS = 10_000

/**
 * Joins a bridge as an adapter: connects, registers, and stays connected.
 *
 * What is sent while offline waits in a bounded queue and leaves in order as soon as the client is registered again.
 */
export class BridgeClient implements BridgeSends<Link, void> {
  readonly #options: BridgeClientOptions
  readonly #target: BridgeTarget
  readonly #limits: BridgeLimits
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #dial: Dial
  readonly #handlers: ClientHandlers = {}
  readonly #queue: SendQueue
  readonly #status = new StatusFeed({ state: 'connecting' })
  readonly #waiting = new Set<{ resolve(): void; reject(error: WgrokError): void }>()
  #state: State = { name: 'idle' }
  /** Why the server is about to close, when it said so. */
  #refusal: WgrokError | undefined

  /** @throws WgrokError `config-invalid` for a malformed URL, platform name or proxy. */
  constructor(options: BridgeClientOptions) {
    this.#options = options
    this.#target = readTarget(options.url, options.platform, options.token)
    this.#limits = { ...BRIDGE_LIMITS, ...options.limits }
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
    this.#dial = createDial({
      ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
      ...(options.tls === undefined ? {} : { tls: options.tls }),
    })
    this.#queue = new SendQueue(this.#limits.queued, this.#limits.buffered)
  }

  /** The platform name that this client registers. */
  get platform(): string {
    return this.#target.platform
  }

  /**
   * Connects, and keeps trying until registered. From then on the client reconnects by itself.
   *
   * @throws WgrokError what cannot be helped by trying again: `auth-failed`, `forbidden`, `name-invalid`,
   * `target-not-found`; `closed`; `aborted` or `timeout` by the signal, which does not stop the client.
   */
  connect(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const { signal } = options
    if (this.#state.name === 'closed') return Promise.reject(new WgrokError('closed', 'the client was closed'))
    if (this.#state.name === 'live') return Promise.resolve()
    if (signal?.aborted === true) return Promise.reject(WgrokError.from(signal.reason, 'aborted'))
    const registered = new Promise<void>((resolve, reject) => {
      const waiter = {
        resolve: (): void => done(resolve),
        reject: (error: WgrokError): void => done(() => reject(error)),
      }
      const abort = (): void => waiter.reject(WgrokError.from(signal?.reason, 'aborted'))
      const done = (end: () => void): void => {
        this.#waiting.delete(waiter)
        signal?.removeEventListener('abort', abort)
        end()
      }
      this.#waiting.add(waiter)
      signal?.addEventListener('abort', abort, { once: true })
    })
    if (this.#state.name === 'idle' || this.#state.name === 'failed') this.#open(0)
    return registered
  }

  /** Called for each `message`; what it returns is sent as `reply`. One handler: the last one set. */
  onMessage(handler: MessageHandler): this {
    this.#handlers.message = handler
    return this
  }

  /** Called for each `reply`. Without it, replies go to the handler of messages, whose answer is then dropped. */
  onReply(handler: ReplyHandler): this {
    this.#handlers.reply = handler
    return this
  }

  /** Called for each `event`. */
  onEvent(handler: NonNullable<ClientHandlers['event']>): this {
    this.#handlers.event = handler
    return this
  }

  /** Called for each `error` that the server sends. */
  onError(handler: NonNullable<ClientHandlers['error']>): this {
    this.#handlers.error = handler
    return this
  }

  /**
   * Sends a `message`; resolves when the system has taken it, after a reconnect if need be.
   *
   * @throws WgrokError `lane-full` when too much is waiting, `body-too-large`, `aborted`, `timeout`, `closed`, or what
   * made the client fail.
   */
  sendMessage(message: string | MessageFields, options: ClientSendOptions = {}): Promise<void> {
    return this.#send({ type: 'message', ...fieldsOf(message) }, options.signal)
  }

  /** Sends a `reply`, to the conversation of a session key or with fields of its own. @throws as {@link sendMessage}. */
  reply(sessionKey: string, reply: string | ReplyFields, options: ClientSendOptions = {}): Promise<void> {
    return this.#send({ type: 'reply', session_key: sessionKey, ...fieldsOf(reply) }, options.signal)
  }

  /** Sends an `event`. @throws as {@link sendMessage}. */
  event(name: string, fields: EventFields = {}, options: ClientSendOptions = {}): Promise<void> {
    return this.#send({ type: 'event', event: name, ...fields }, options.signal)
  }

  /** Shows that an answer is being written. Dropped while offline, since it would come too late. */
  async typing(sessionKey?: string): Promise<void> {
    if (this.#state.name !== 'live') return
    await this.event('typing', sessionKey === undefined ? {} : { session_key: sessionKey })
  }

  /** Sends an answer in parts. */
  stream(sessionKey?: string): BridgeStream {
    const where = sessionKey === undefined ? {} : { session_key: sessionKey }
    return createStream((name, fields) => this.event(name, { ...where, ...fields }))
  }

  /** Every change of state, beginning with the present one; ends after `closed`. */
  status(): AsyncIterable<TransportStatus> {
    return this.#status.follow()
  }

  /** Closes the connection for good. What still waits is rejected with `closed`. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state
    if (state.name === 'closed') return
    const error = new WgrokError('closed', 'the client was closed')
    this.#enter({ name: 'closed' })
    this.#status.set({ state: 'closed' })
    this.#queue.fail(error)
    for (const waiter of [...this.#waiting]) waiter.reject(error)
    if (state.name === 'live' || state.name === 'registering') await this.#hangUp(state.link)
  }

  /** The server delivers content. */
  routerMessage(message: BridgeMessage): void {
    this.#run(message, async session => {
      const answer = await this.#handlers.message?.(message, session)
      if (answer !== undefined) await session.reply(answer)
    })
  }

  /** The server confirms the registration, or answers. */
  routerReply(reply: BridgeReply): void {
    if (this.#state.name === 'registering') {
      this.#registered(this.#state)
      return
    }
    this.#run(reply, async session => {
      if (this.#handlers.reply !== undefined) await this.#handlers.reply(reply, session)
      else await this.#handlers.message?.({ ...reply, type: 'message' }, session)
    })
  }

  /** The server signals typing or a stream. */
  routerEvent(event: BridgeEvent): void {
    this.#run(event, async session => this.#handlers.event?.(event, session))
  }

  /** The server refuses something. */
  routerError(error: BridgeError): void {
    this.#refusal = readRefusal(error)
    this.#logger.warn('the bridge reports an error', { status: error.code, code: this.#refusal.code })
    try {
      this.#handlers.error?.(error)
    } catch (failure) {
      this.#logger.warn('bridge error handler failed', { error: failure })
    }
  }

  #send(envelope: BridgeEnvelope, signal: AbortSignal | undefined): Promise<void> {
    if (this.#state.name === 'closed') return Promise.reject(new WgrokError('closed', 'the client was closed'))
    if (this.#state.name === 'failed') return Promise.reject(this.#state.error)
    const text = writeEnvelope(envelope)
    if (Buffer.byteLength(text) > this.#limits.payload) {
      return Promise.reject(new WgrokError('body-too-large', `the envelope exceeds ${this.#limits.payload} bytes`))
    }
    return this.#queue.push(text, signal)
  }

  #run(about: BridgeMessage | BridgeReply | BridgeEvent, handle: (session: BridgeSession) => Promise<void>): void {
    const session = createSession({
      connection: this.platform,
      platform: this.platform,
      capabilities: new Set(this.#options.capabilities ?? []),
      about,
      write: envelope => this.#send(envelope, undefined),
    })
    handle(session).catch(error => {
      const failure = WgrokError.from(error)
      this.#logger.warn('bridge handler failed', { code: failure.code, error })
      this.#send(errorEnvelope(failure.code, '', about.session_key), undefined).catch(() => {})
    })
  }

  #open(attempt: number): void {
    const abort = new AbortController()
    this.#refusal = undefined
    this.#enter({ name: 'opening', attempt, abort })
    if (this.#status.current.state === 'failed') this.#status.set({ state: 'connecting' })
    let link: Link | undefined
    let end = (): void => {}
    const gone = new Promise<void>(resolve => {
      end = resolve
    })
    openSocket(
      this.#target.url,
      {
        message: text => this.#hear(text, link),
        close: (code, reason) => {
          end()
          this.#lost(link, readClose(code, reason))
        },
        ping: () => link?.heartbeat.heard(),
        pong: () => link?.heartbeat.heard(),
      },
      {
        dial: this.#dial,
        headers: this.#target.token === undefined ? {} : { authorization: `Bearer ${this.#target.token}` },
        signal: abort.signal,
        maxPayload: this.#limits.payload,
        handshakeTimeoutMs: this.#limits.registerTimeout,
      },
    ).then(
      socket => {
        link = { socket, heartbeat: this.#watch(socket), gone }
        if (this.#state.name === 'opening' && this.#state.abort === abort) this.#register(link, attempt)
        else void this.#hangUp(link)
      },
      error => {
        if (this.#state.name === 'opening' && this.#state.abort === abort) this.#retry(WgrokError.from(error), attempt)
      },
    )
  }

  #register(link: Link, attempt: number): void {
    const timer = this.#clock.setTimeout(() => {
      this.#lost(link, new WgrokError('timeout', 'the registration was not answered'))
      link.socket.terminate()
    }, this.#limits.registerTimeout)
    this.#enter({ name: 'registering', attempt, link, timer })
    const { capabilities = ['text'] } = this.#options
    const register = writeEnvelope({ type: 'register', platform: this.platform, capabilities: [...capabilities] })
    // A failure is followed by the socket's close.
    link.socket.send(register).catch(() => {})
  }

  #registered(state: Extract<State, { name: 'registering' }>): void {
    const since = this.#clock.now()
    this.#enter({ name: 'live', attempt: state.attempt, link: state.link, since })
    this.#logger.info('joined the bridge', { platform: this.platform })
    this.#status.set({ state: 'live', since })
    this.#queue.attach(state.link.socket)
    for (const waiter of [...this.#waiting]) waiter.resolve()
  }

  #watch(socket: Socket): Heartbeat {
    return new Heartbeat({
      clock: this.#clock,
      pingInterval: this.#limits.pingInterval,
      pongTimeout: this.#limits.pongTimeout,
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
    const read = readJson(text)
    if (!read.ok) this.#complain('envelope-invalid', read.problem)
    else {
      dispatchBridgeSends(read.value, this, link, (problem: Undecoded) => {
        // An error is never answered by an error.
        if (problem.type === 'error') return
        const code = problem.operation === 'unknown' ? 'type-unknown' : 'envelope-invalid'
        this.#complain(code, '', sessionKeyOf(read.value))
      })
    }
  }

  #complain(code: 'envelope-invalid' | 'type-unknown', detail: string, sessionKey?: string): void {
    this.#logger.warn('the bridge sent something that is not in the protocol', { code })
    this.#send(errorEnvelope(code, detail, sessionKey), undefined).catch(() => {})
  }

  #isCurrent(link: Link): boolean {
    return (this.#state.name === 'live' || this.#state.name === 'registering') && this.#state.link === link
  }

  #lost(link: Link | undefined, error: WgrokError): void {
    link?.heartbeat.stop()
    const state = this.#state
    if (link === undefined || (state.name !== 'live' && state.name !== 'registering') || state.link !== link) return
    this.#queue.detach()
    const steady = state.name === 'live' && this.#clock.now() - state.since >= STEADY_MS
    this.#retry(error, steady ? 0 : state.attempt)
  }

  #retry(lost: WgrokError, attempt: number): void {
    const error = this.#refusal !== undefined && FINAL.has(this.#refusal.code) ? this.#refusal : lost
    if (FINAL.has(error.code)) {
      this.#fail(error)
      return
    }
    const delayMs = backoff({
      attempt,
      ...(this.#options.random === undefined ? {} : { random: this.#options.random }),
    })
    this.#logger.warn('not connected to the bridge', { code: error.code, attempt, delayMs })
    const timer = this.#clock.setTimeout(() => this.#open(attempt + 1), delayMs)
    this.#enter({ name: 'waiting', attempt, timer })
    this.#status.set({ state: 'reconnecting', attempt: attempt + 1, delayMs, error })
  }

  #fail(error: WgrokError): void {
    this.#logger.error('the bridge refuses this client', { code: error.code })
    this.#enter({ name: 'failed', error })
    this.#status.set({ state: 'failed', error })
    this.#queue.fail(error)
    for (const waiter of [...this.#waiting]) waiter.reject(error)
  }

  /** Says goodbye; resolves when the socket is gone. */
  async #hangUp(link: Link): Promise<void> {
    link.heartbeat.stop()
    link.socket.close(1000, 'closed')
    const timer = this.#clock.setTimeout(() => link.socket.terminate(), this.#limits.closeTimeout)
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

/** A close of ours says the error code as its reason. */
function readClose(code: number, reason: string): WgrokError {
  if (code >= 4000 && isErrorCode(reason)) return new WgrokError(reason, 'the bridge closed the connection')
  return new WgrokError('connection-lost', `the connection to the bridge closed with ${code}`)
}

function readRefusal(error: BridgeError): WgrokError {
  const code = (error.message ?? '').split(':', 1)[0] ?? ''
  return new WgrokError(isErrorCode(code) ? code : 'platform-rejected', `the bridge answered with ${error.code}`)
}
