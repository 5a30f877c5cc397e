import type {
  BridgeEnvelope,
  BridgeError,
  BridgeEvent,
  BridgeGap,
  BridgeMessage,
  BridgeRegister,
  BridgeReply,
} from '../../generated/models.js'
import { type BridgeSends, dispatchBridgeSends, type Undecoded } from '../../generated/stubs.js'
import { type Clock, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, silent } from '../log.js'
import { createDial, type DialTls } from '../transport/dial.js'
import type { Socket } from '../transport/socket.js'
import type { TransportStatus } from '../transport/transport.js'
import { readCapabilities } from './capabilities.js'
import { Downstream } from './downstream.js'
import {
  type EventFields,
  errorEnvelope,
  type MessageFields,
  type ReplyFields,
  sessionKeyOf,
  writeEnvelope,
} from './envelope.js'
import { readJson } from './json.js'
import { BRIDGE_LIMITS, type BridgeLimits } from './limits.js'
import { idOf, newId, shortId, withoutResume } from './outgoing.js'
import { RESUME_BYTES_MAX, resumeTail } from './resume.js'
import { type Queued, SendQueue } from './send-queue.js'
import {
  type BridgeSession,
  type BridgeStream,
  createSession,
  createStream,
  fieldsOf,
  type MessageHandler,
  type ReplyHandler,
} from './session.js'
import { type BridgeTarget, readTarget } from './target.js'
import { Uplink } from './uplink.js'

/** Options of a {@link BridgeClient}. */
export interface BridgeClientOptions {
  /** `ws://platform:token@host:port`, or `wss`; platform and token may also stand in their own options. */
  readonly url: string
  readonly platform?: string
  readonly token?: string
  /** What this adapter can show. Default `['text']`. */
  readonly capabilities?: readonly string[]
  /**
   * Ask the server to resume after a drop: exact replay or a gap that is told. A server that does not know it is not
   * bothered with it beyond the registration. Default true.
   */
  readonly resume?: boolean
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
  /** Id of the envelope for a server that resumes: the same id for the same content. Default: a new one. */
  readonly id?: string
}

/** What a client does with what comes in. */
interface ClientHandlers {
  message?: MessageHandler
  reply?: ReplyHandler
  event?: (event: BridgeEvent, session: BridgeSession) => void | Promise<void>
  error?: (error: BridgeError) => void
  gap?: (gap: BridgeGap | undefined) => void
}

type Content = BridgeMessage | BridgeReply | BridgeEvent

/**
 * Joins a bridge as an adapter: connects, registers, and stays connected.
 *
 * What is sent while offline waits in a bounded queue and leaves in order as soon as the client is registered again.
 */
export class BridgeClient implements BridgeSends<() => void, void> {
  readonly #target: BridgeTarget
  readonly #capabilities: readonly string[]
  readonly #limits: BridgeLimits
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #handlers: ClientHandlers = {}
  readonly #queue: SendQueue
  readonly #uplink: Uplink
  /** Name of the stream that this client sends; undefined when resuming is off. */
  readonly #epoch: string | undefined
  readonly #downstream: Downstream

  /** @throws WgrokError `config-invalid` for a malformed URL, platform name or proxy. */
  constructor(options: BridgeClientOptions) {
    this.#target = readTarget(options.url, options.platform, options.token)
    this.#capabilities = options.capabilities ?? ['text']
    this.#limits = { ...BRIDGE_LIMITS, ...options.limits }
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
    this.#epoch = options.resume === false ? undefined : newId()
    this.#queue = new SendQueue(this.#limits)
    this.#downstream = new Downstream({
      limits: this.#limits,
      clock: this.#clock,
      gap: gap => this.#lostSome(gap),
      acked: seq => this.#queue.ack(seq),
    })
    this.#uplink = new Uplink({
      target: this.#target,
      dial: createDial({
        ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
        ...(options.tls === undefined ? {} : { tls: options.tls }),
      }),
      limits: this.#limits,
      clock: this.#clock,
      logger: this.#logger,
      random: options.random,
      register: () => this.#register(),
      heard: text => this.#hear(text),
      live: (socket, reply) => this.#live(socket, reply),
      down: error => this.#down(error),
      failed: error => this.#queue.fail(error),
    })
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
    this.#queue.revive()
    return this.#uplink.connect(options.signal)
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
   * Called when the server no longer has what it sent while the connection was down: the numbers, or nothing but the
   * fact when the server has forgotten this client. Without resume nothing is known and nothing is called.
   */
  onGap(handler: NonNullable<ClientHandlers['gap']>): this {
    this.#handlers.gap = handler
    return this
  }

  /**
   * Sends a `message`; resolves when the system has taken it, after a reconnect if need be.
   *
   * @throws WgrokError `lane-full` when too much is waiting, `body-too-large`, `aborted`, `timeout`, `closed`, or what
   * made the client fail.
   */
  sendMessage(message: string | MessageFields, options: ClientSendOptions = {}): Promise<void> {
    return this.#send({ type: 'message', ...fieldsOf(message) }, options)
  }

  /** Sends a `reply`, to the conversation of a session key or with fields of its own. @throws as {@link sendMessage}. */
  reply(sessionKey: string, reply: string | ReplyFields, options: ClientSendOptions = {}): Promise<void> {
    return this.#send({ type: 'reply', session_key: sessionKey, ...fieldsOf(reply) }, options)
  }

  /** Sends an `event`. @throws as {@link sendMessage}. */
  event(name: string, fields: EventFields = {}, options: ClientSendOptions = {}): Promise<void> {
    return this.#send({ type: 'event', event: name, ...fields }, options)
  }

  /** Sends any envelope but a registration, as it is. @throws as {@link sendMessage}. */
  send(envelope: Exclude<BridgeEnvelope, BridgeRegister>, options: ClientSendOptions = {}): Promise<void> {
    return this.#send(envelope, options)
  }

  /** Shows that an answer is being written. Dropped while offline, since it would come too late. */
  async typing(sessionKey?: string): Promise<void> {
    if (!this.#uplink.live) return
    await this.event('typing', sessionKey === undefined ? {} : { session_key: sessionKey })
  }

  /** Sends an answer in parts. */
  stream(sessionKey?: string): BridgeStream {
    const where = sessionKey === undefined ? {} : { session_key: sessionKey }
    return createStream((name, fields) => this.event(name, { ...where, ...fields }))
  }

  /** Every change of state, beginning with the present one; ends after `closed`. */
  status(): AsyncIterable<TransportStatus> {
    return this.#uplink.status()
  }

  /** Closes the connection for good. What still waits is rejected with `closed`. Idempotent. */
  close(): Promise<void> {
    this.#downstream.down()
    return this.#uplink.close()
  }

  /** The server delivers content. */
  routerMessage(message: BridgeMessage, done: () => void): void {
    this.#run(message, done, async session => {
      const answer = await this.#handlers.message?.(message, session)
      if (answer !== undefined) await session.reply(answer)
    })
  }

  /** The server confirms the registration, or answers. */
  routerReply(reply: BridgeReply, done: () => void): void {
    if (this.#uplink.registering) {
      this.#uplink.confirmed(reply)
      done()
      return
    }
    this.#run(reply, done, async session => {
      if (this.#handlers.reply !== undefined) await this.#handlers.reply(reply, session)
      else await this.#handlers.message?.({ ...reply, type: 'message' }, session)
    })
  }

  /** The server signals typing or a stream. */
  routerEvent(event: BridgeEvent, done: () => void): void {
    this.#run(event, done, async session => this.#handlers.event?.(event, session))
  }

  /** The server refuses something. */
  routerError(error: BridgeError, done: () => void): void {
    const refusal = this.#uplink.refused(error)
    this.#logger.warn('the bridge reports an error', { status: error.code, code: refusal.code })
    try {
      this.#handlers.error?.(error)
    } catch (failure) {
      this.#logger.warn('bridge error handler failed', { error: failure })
    }
    done()
  }

  #send(envelope: BridgeEnvelope, options: ClientSendOptions = {}): Promise<void> {
    const { failure } = this.#uplink
    if (failure !== undefined) return Promise.reject(failure)
    const text = writeEnvelope(envelope)
    const bytes = Buffer.byteLength(text)
    if (bytes + (this.#epoch === undefined ? 0 : RESUME_BYTES_MAX) > this.#limits.payload) {
      return Promise.reject(new WgrokError('body-too-large', `the envelope exceeds ${this.#limits.payload} bytes`))
    }
    const bare = withoutResume(envelope)
    const base = bare === envelope ? text : writeEnvelope(bare)
    const id = options.id === undefined ? (idOf(envelope) ?? newId()) : shortId(options.id)
    return this.#queue.push({ id, text, base, bytes }, options.signal)
  }

  #run(about: Content, done: () => void, handle: (session: BridgeSession) => Promise<void>): void {
    const session = createSession({
      connection: this.platform,
      platform: this.platform,
      capabilities: readCapabilities(this.#capabilities),
      id: this.#downstream.active ? about.id : undefined,
      about,
      write: envelope => this.#send(envelope),
    })
    handle(session)
      .catch(error => {
        const failure = WgrokError.from(error)
        this.#logger.warn('bridge handler failed', { code: failure.code, error })
        this.#send(errorEnvelope(failure.code, '', about.session_key)).catch(() => {})
      })
      .finally(done)
  }

  #register(): BridgeRegister {
    const epoch = this.#epoch
    const resume = epoch === undefined ? {} : { resume: this.#downstream.offer(epoch, this.#queue.released) }
    return { type: 'register', platform: this.platform, capabilities: [...this.#capabilities], ...resume }
  }

  #live(socket: Socket, { resume: state }: BridgeReply): void {
    this.#logger.info('joined the bridge', { platform: this.platform, resumed: state?.resumed ?? false })
    const outlet = { send: ({ text }: Queued) => socket.send(text), buffered: () => socket.buffered }
    if (state === undefined || this.#epoch === undefined) {
      this.#downstream.down(true)
      this.#queue.attach(outlet, undefined)
      return
    }
    this.#downstream.follow(state, text => void socket.send(text).catch(() => {}))
    const send = ({ base, id, seq }: Queued): Promise<void> =>
      socket.send(base.slice(0, -1) + resumeTail(id, seq, this.#downstream.takeAck()))
    this.#queue.attach({ ...outlet, send }, state.ack)
  }

  #lostSome(gap: BridgeGap | undefined): void {
    this.#logger.warn('the bridge no longer has all that it sent', { ...gap })
    try {
      this.#handlers.gap?.(gap)
    } catch (failure) {
      this.#logger.warn('bridge gap handler failed', { error: failure })
    }
  }

  #down(error: WgrokError): void {
    this.#queue.detach()
    this.#downstream.down()
    if (error.code !== 'body-too-large') return
    // Its limit is lower than ours. Sent again, the same envelope would end every connection.
    const dropped = this.#queue.dropLargest(error)
    this.#logger.error('the bridge takes no envelope of this size', { dropped: dropped?.id, bytes: dropped?.bytes })
  }

  #hear(text: string): void {
    const read = readJson(text)
    if (!read.ok) {
      this.#complain('envelope-invalid', read.problem)
      return
    }
    const done = this.#downstream.accept(read.value)
    if (done === undefined) return
    dispatchBridgeSends(read.value, this, done, (problem: Undecoded) => {
      done()
      // An error is never answered by an error.
      if (problem.type === 'error') return
      const code = problem.operation === 'unknown' ? 'type-unknown' : 'envelope-invalid'
      this.#complain(code, '', sessionKeyOf(read.value))
    })
  }

  #complain(code: 'envelope-invalid' | 'type-unknown', detail: string, sessionKey?: string): void {
    this.#logger.warn('the bridge sent something that is not in the protocol', { code })
    this.#send(errorEnvelope(code, detail, sessionKey)).catch(() => {})
  }
}
