import { randomUUID } from 'node:crypto'
import type { BridgeError, BridgeEvent, BridgeMessage, BridgeRegister, BridgeReply } from '../../generated/models.js'
import type { BridgeReceives } from '../../generated/stubs.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Connection } from './connection.js'
import { REGISTERED, SERVER_NAME, writeEnvelope } from './envelope.js'
import type { Inspect, Verdict } from './inspect.js'
import { Intake } from './intake.js'
import { Outgoing } from './outgoing.js'
import { Peer } from './peer.js'
import { type Answer, type BridgeSession, createSession, type MessageHandler, type ReplyHandler } from './session.js'
import type { TokenTable } from './tokens.js'

/** What the server does with what comes in. Set one by one before or after it listens. */
export interface ServerHandlers {
  message?: MessageHandler
  reply?: ReplyHandler
  event?: (event: BridgeEvent, session: BridgeSession) => void | Promise<void>
  error?: (error: BridgeError, session: BridgeSession) => void | Promise<void>
}

/** What {@link Receives} works with. */
export interface ReceivesOptions {
  readonly handlers: ServerHandlers
  readonly inspect: Inspect
  readonly logger: Logger
  /** Read at each registration, since tokens may be rotated. */
  tokens(): TokenTable
  /** Limits that an answer has to keep. */
  readonly limits: { readonly payload: number; readonly inflight: number }
  registered(peer: Peer): void
}

type Content = BridgeMessage | BridgeReply | BridgeEvent

/** The server's side of every operation that an adapter starts. An operation that the spec adds is missing here until it is written. */
export class Receives implements BridgeReceives<Connection, void> {
  readonly #options: ReceivesOptions
  readonly #intakes = new WeakMap<Connection, Intake>()

  constructor(options: ReceivesOptions) {
    this.#options = options
  }

  adapterRegister(register: BridgeRegister, connection: Connection): void {
    if (connection.peer !== undefined) {
      connection.error('envelope-invalid', 'already registered')
    } else if (register.platform !== connection.platform) {
      connection.refuse('name-invalid', 'platform differs from the path')
    } else if (register.token !== undefined && !this.#isToken(register.platform, register.token)) {
      connection.refuse('auth-failed', 'token')
    } else {
      this.#admit(register, connection)
    }
  }

  #isToken(platform: string, token: string): boolean {
    return this.#options.tokens().check(platform, token) !== undefined
  }

  #admit(register: BridgeRegister, connection: Connection): void {
    const peer = new Peer(randomUUID(), connection, register.capabilities)
    connection.admit(peer)
    connection.send(writeEnvelope({ type: 'reply', platform: SERVER_NAME, content: REGISTERED })).catch(() => {})
    this.#options.registered(peer)
  }

  adapterMessage(message: BridgeMessage, connection: Connection): void {
    this.#take(message, connection, async (inspected, session) => {
      const handler = this.#options.handlers.message
      if (handler === undefined) throw new WgrokError('unsupported', 'nobody listens to messages')
      const answer = await handler(inspected, session)
      if (answer !== undefined) await session.reply(answer as Exclude<Answer, void>)
    })
  }

  adapterReply(reply: BridgeReply, connection: Connection): void {
    this.#take(reply, connection, async (inspected, session) => this.#options.handlers.reply?.(inspected, session))
  }

  adapterEvent(event: BridgeEvent, connection: Connection): void {
    this.#take(event, connection, async (inspected, session) => this.#options.handlers.event?.(inspected, session))
  }

  adapterError(error: BridgeError, connection: Connection): void {
    const { handlers, logger } = this.#options
    logger.info('bridge peer reports an error', { platform: connection.platform, status: error.code })
    const peer = connection.peer
    if (peer === undefined || handlers.error === undefined) return
    // An error is never answered by an error.
    Promise.resolve(this.#session(peer, error))
      .then(session => handlers.error?.(error, session))
      .catch(failure => logger.warn('bridge error handler failed', { code: WgrokError.from(failure).code }))
  }

  /** Inspects in order of arrival, then hands over; whatever fails is answered with an error. */
  #take<E extends Content>(
    envelope: E,
    connection: Connection,
    handle: (envelope: E, session: BridgeSession) => Promise<unknown>,
  ): void {
    const peer = connection.peer
    if (peer === undefined) return
    this.#intake(connection).run(this.#look(envelope, connection), async verdict => {
      const session = this.#session(peer, envelope)
      try {
        if (verdict === 'refuse') throw new WgrokError('content-refused', 'the content was refused by inspection')
        await handle(verdict === 'pass' ? envelope : { ...envelope, content: verdict.content }, session)
      } catch (error) {
        const failure = WgrokError.from(error)
        this.#options.logger.warn('bridge message refused', {
          platform: connection.platform,
          code: failure.code,
          error,
        })
        connection.error(failure.code, detailOf(failure), envelope.session_key)
      }
    })
  }

  #look(envelope: Content, connection: Connection): Verdict | Promise<Verdict> {
    try {
      const verdict = this.#options.inspect({ platform: connection.platform, envelope })
      return verdict instanceof Promise ? verdict.catch(() => 'refuse' as const) : verdict
    } catch {
      return 'refuse'
    }
  }

  #session(peer: Peer, about: Content | BridgeError): BridgeSession {
    return createSession({
      connection: peer.id,
      platform: peer.platform,
      capabilities: peer.capabilities,
      about,
      write: envelope => peer.send(new Outgoing(envelope), this.#options.limits.payload),
    })
  }

  #intake(connection: Connection): Intake {
    const known = this.#intakes.get(connection)
    if (known !== undefined) return known
    const intake = new Intake(this.#options.limits.inflight, connection)
    this.#intakes.set(connection, intake)
    return intake
  }
}

/** What a peer may know of a failure: our own words, nothing of a defect. */
function detailOf(failure: WgrokError): string {
  return failure.code === 'internal' ? '' : failure.message.slice(failure.code.length + 3)
}
