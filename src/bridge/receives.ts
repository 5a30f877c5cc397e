import type { BridgeError, BridgeEvent, BridgeMessage, BridgeRegister, BridgeReply } from '../../generated/models.js'
import type { BridgeReceives } from '../../generated/stubs.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Connection, Incoming } from './connection.js'
import { errorEnvelope } from './envelope.js'
import type { Inspect, Verdict } from './inspect.js'
import { Outgoing } from './outgoing.js'
import type { Peer } from './peer.js'
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
  /** A valid registration: makes a peer of the connection, or gives it back to the one that it was. */
  registered(register: BridgeRegister, connection: Connection): void
}

type Content = BridgeMessage | BridgeReply | BridgeEvent

/** The server's side of every operation that an adapter starts. An operation that the spec adds is missing here until it is written. */
export class Receives implements BridgeReceives<Incoming, void> {
  readonly #options: ReceivesOptions

  constructor(options: ReceivesOptions) {
    this.#options = options
  }

  adapterRegister(register: BridgeRegister, { connection, done }: Incoming): void {
    if (connection.peer !== undefined) {
      connection.error('envelope-invalid', 'already registered')
    } else if (register.platform !== connection.platform) {
      connection.refuse('name-invalid', 'platform differs from the path')
    } else if (register.token !== undefined && !this.#isToken(register.platform, register.token)) {
      connection.refuse('auth-failed', 'token')
    } else {
      this.#options.registered(register, connection)
    }
    done()
  }

  adapterMessage(message: BridgeMessage, incoming: Incoming): void {
    this.#take(message, incoming, async (inspected, session) => {
      const handler = this.#options.handlers.message
      if (handler === undefined) throw new WgrokError('unsupported', 'nobody listens to messages')
      const answer = await handler(inspected, session)
      if (answer !== undefined) await session.reply(answer as Exclude<Answer, void>)
    })
  }

  adapterReply(reply: BridgeReply, incoming: Incoming): void {
    this.#take(reply, incoming, async (inspected, session) => this.#options.handlers.reply?.(inspected, session))
  }

  adapterEvent(event: BridgeEvent, incoming: Incoming): void {
    this.#take(event, incoming, async (inspected, session) => this.#options.handlers.event?.(inspected, session))
  }

  adapterError(error: BridgeError, { connection, done }: Incoming): void {
    const { handlers, logger } = this.#options
    logger.info('bridge peer reports an error', { platform: connection.platform, status: error.code })
    const { peer } = connection
    // An error is never answered by an error.
    Promise.resolve(peer === undefined ? undefined : handlers.error?.(error, this.#session(peer, error)))
      .catch(failure => logger.warn('bridge error handler failed', { code: WgrokError.from(failure).code }))
      .finally(done)
  }

  /** Inspects in order of arrival, then hands over; whatever fails is answered with an error. */
  #take<E extends Content>(
    envelope: E,
    { connection, done }: Incoming,
    handle: (envelope: E, session: BridgeSession) => Promise<unknown>,
  ): void {
    const { peer } = connection
    if (peer === undefined) return
    peer.intake.run(this.#look(envelope, peer), async verdict => {
      try {
        if (verdict === 'refuse') throw new WgrokError('content-refused', 'the content was refused by inspection')
        const inspected = verdict === 'pass' ? envelope : { ...envelope, content: verdict.content }
        await handle(inspected, this.#session(peer, envelope))
      } catch (error) {
        this.#refuse(peer, WgrokError.from(error), envelope.session_key)
      }
      done()
    })
  }

  #isToken(platform: string, token: string): boolean {
    return this.#options.tokens().check(platform, token) !== undefined
  }

  #refuse(peer: Peer, failure: WgrokError, sessionKey: string | undefined): void {
    this.#options.logger.warn('bridge message refused', { platform: peer.platform, code: failure.code, error: failure })
    // Not awaited: an error that cannot be delivered is no error of its own.
    peer.send(new Outgoing(errorEnvelope(failure.code, detailOf(failure), sessionKey)))?.catch(() => {})
  }

  #look(envelope: Content, { platform }: Peer): Verdict | Promise<Verdict> {
    try {
      const verdict = this.#options.inspect({ platform, envelope })
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
      id: peer.epoch === undefined ? undefined : about.id,
      about,
      write: async envelope => peer.send(new Outgoing(envelope)),
    })
  }
}

/** What a peer may know of a failure: our own words, nothing of a defect. */
function detailOf(failure: WgrokError): string {
  return failure.code === 'internal' ? '' : failure.message.slice(failure.code.length + 3)
}
