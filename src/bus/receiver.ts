import { LIMITS } from '../../generated/limits.js'
import { compileAllowlist } from '../access/allowlist.js'
import { systemClock } from '../clock.js'
import { keyRing } from '../codec/keys.js'
import { WgrokError } from '../errors.js'
import { checkSlug } from '../frame/slug.js'
import type { Logger } from '../log.js'
import type { Address, Card, CompressMode, MessageContext, ReceiverConfig, SendResult } from '../protocol.js'
import type { InboundMessage } from '../transport/transport.js'
import { type Heard, Inbound } from './inbound.js'
import { LazyTransport } from './lazy-transport.js'
import { Outgoing } from './outgoing.js'
import {
  type Cards,
  cardList,
  compressMode,
  lazyLogger,
  openPeerTransport,
  type PeerOptions,
  routerAddress,
} from './peer.js'

/** Options of {@link ReceiverContext.reply}. */
export interface ReplyOptions {
  /** Slug that the reply is for. Default: the `from` of what is answered. */
  readonly to?: string
  readonly card?: Cards
  /** `true` always, `false` never, `'auto'` when it saves a frame. Default `config.compress`. */
  readonly compress?: boolean | CompressMode
  readonly signal?: AbortSignal
}

/** What a handler knows about a message beside its payload, and the way to answer it. */
export interface ReceiverContext extends MessageContext {
  /**
   * Answers whoever sent the message, through the router.
   *
   * @throws WgrokError `target-invalid` when the message was anonymous, else as `WgrokSender.send` does.
   */
  reply(payload: string, options?: ReplyOptions): Promise<SendResult>
}

/** Gets each message. Invoked in the order of arrival; one that returns a promise does not hold up the next. */
export type MessageHandler = (
  slug: string,
  payload: string,
  cards: readonly Card[],
  fromSlug: string,
  context: ReceiverContext,
) => void | Promise<void>

/** Options of a {@link WgrokReceiver}. */
export interface ReceiverOptions extends PeerOptions {
  /** Hears of a message that was rejected, and of a handler that threw. Such a message is not delivered again. */
  readonly onError?: (error: WgrokError, message: InboundMessage) => void
}

const ANONYMOUS = '-'

/**
 * Listens on the bus and hands each payload for `config.slug` to a handler.
 *
 * `./pause` and `./resume` from the router hold and release its replies.
 */
export class WgrokReceiver {
  readonly #config: ReceiverConfig
  readonly #handler: MessageHandler
  readonly #transport: LazyTransport
  readonly #outgoing: Outgoing
  readonly #inbound: Inbound
  readonly #logger: Logger
  readonly #target: Address | undefined
  #closing: Promise<void> | undefined

  /** @throws WgrokError `slug-invalid`, `key-invalid`, `pattern-invalid` or `target-invalid`. */
  constructor(config: ReceiverConfig, handler: MessageHandler, options: ReceiverOptions = {}) {
    const clock = options.clock ?? systemClock
    const logger = options.logger ?? lazyLogger(config, 'receiver')
    const keys = keyRing(config.encryptKeys ?? [])
    const maxChunks = config.maxChunks ?? LIMITS.chunksMax
    checkSlug(config.slug, 'slug')
    this.#config = config
    this.#handler = handler
    this.#logger = logger
    this.#target = config.target === undefined ? undefined : routerAddress(config)
    this.#transport = new LazyTransport(() => openPeerTransport(config, options, logger))
    this.#outgoing = new Outgoing({
      open: () => this.#transport.open(),
      keys,
      compact: config.compact ?? false,
      maxChunks,
      via: config.via,
      clock,
      random: options.random ?? Math.random,
    })
    this.#inbound = new Inbound({
      accepts: to => to === config.slug,
      allowlist: compileAllowlist(config.domains),
      keys,
      maxChunks,
      clock,
      logger,
      deliver: heard => this.#deliver(heard),
      control: command => (command === 'pause' ? this.#outgoing.pause() : this.#resume()),
      onError: options.onError,
    })
  }

  /**
   * Connects and resolves once messages arrive. Later calls share the first one's connection.
   *
   * @throws WgrokError `auth-failed`, `platform-unavailable`, `closed`, …
   */
  listen(): Promise<void> {
    return this.#transport.listen(message => this.#inbound.receive(message))
  }

  /** Waits for replies under way, then closes the connection. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #deliver(heard: Heard): void | Promise<void> {
    const { frame, message, payload } = heard
    return this.#handler(frame.to, payload, message.cards, frame.from, new Context(heard, this.#reply))
  }

  readonly #reply = async (heard: Heard, payload: string, options: ReplyOptions): Promise<SendResult> => {
    const to = options.to ?? heard.frame.from
    if (to === ANONYMOUS) throw new WgrokError('target-invalid', 'the sender is anonymous: there is no slug to answer')
    return this.#outgoing.send({
      payload,
      to,
      from: this.#config.slug,
      address: this.#target ?? heard.message.conversation,
      cards: cardList(options.card),
      compress: compressMode(options.compress, this.#config.compress),
      signal: options.signal,
    })
  }

  async #resume(): Promise<void> {
    await this.#outgoing.resume()
  }

  async #close(): Promise<void> {
    const lost = await this.#outgoing.close()
    if (lost > 0) this.#logger.warn('closed while paused: held replies are lost', { count: lost })
    this.#inbound.close()
    await this.#transport.close()
  }
}

/** A class, so that a message costs one object and no closures. */
class Context implements ReceiverContext {
  readonly messageId: string
  readonly sender: string
  readonly platform: ReceiverContext['platform']
  readonly room: Address
  readonly #heard: Heard
  readonly #reply: (heard: Heard, payload: string, options: ReplyOptions) => Promise<SendResult>

  constructor(heard: Heard, reply: (heard: Heard, payload: string, options: ReplyOptions) => Promise<SendResult>) {
    const { message } = heard
    this.messageId = message.id
    this.sender = message.sender.principals[0] ?? ''
    this.platform = message.platform
    this.room = message.conversation
    this.#heard = heard
    this.#reply = reply
  }

  reply(payload: string, options: ReplyOptions = {}): Promise<SendResult> {
    return this.#reply(this.#heard, payload, options)
  }
}
