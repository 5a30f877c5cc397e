import { LIMITS } from '../../generated/limits.js'
import { compileAllowlist } from '../access/allowlist.js'
import { type Clock, systemClock } from '../clock.js'
import { keyRing } from '../codec/keys.js'
import { checkSlug, newInbox } from '../frame/slug.js'
import type { Logger } from '../log.js'
import type { Address, Card, CompressMode, MessageContext, SenderConfig, SendResult } from '../protocol.js'
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
import { Requests } from './requests.js'

/** Options of {@link WgrokSender.send}. */
export interface SenderSendOptions {
  /** Slug that the message is for. Default `config.slug`. */
  readonly to?: string
  /** Slug that answers go to; `-` for anonymous. Default `config.from`, else `config.slug`. */
  readonly from?: string
  /** Card or cards in the platform's own format. They ride on the last chunk. */
  readonly card?: Cards
  /** `true` always, `false` never, `'auto'` when it saves a frame. Default `config.compress`. */
  readonly compress?: boolean | CompressMode
  /** Calls the send off: chunks that have not left stay here. */
  readonly signal?: AbortSignal
}

/** Options of {@link WgrokSender.request}. */
export interface RequestOptions extends Omit<SenderSendOptions, 'from'> {
  /** How long to wait for the reply, in ms. Default `LIMITS.requestTimeout`. */
  readonly timeoutMs?: number
}

/** The answer to a request. */
export interface Reply {
  readonly payload: string
  readonly cards: readonly Card[]
  /** Slug of whoever answered. */
  readonly from: string
  readonly context: MessageContext
}

/**
 * Sends payloads to the bus, and asks questions on it.
 *
 * Nothing is opened before the first send. Payloads to one router leave in the order of the calls; a payload of several
 * chunks leaves as a whole before the next one begins.
 */
export class WgrokSender {
  readonly #config: SenderConfig
  readonly #transport: LazyTransport
  readonly #outgoing: Outgoing
  readonly #inbound: Inbound
  readonly #requests: Requests
  readonly #logger: Logger
  readonly #address: Address
  readonly #from: string
  #closing: Promise<void> | undefined

  /** @throws WgrokError `slug-invalid`, `key-invalid`, `pattern-invalid`, `target-invalid` or `config-missing`. */
  constructor(config: SenderConfig, options: PeerOptions = {}) {
    const clock: Clock = options.clock ?? systemClock
    const logger = options.logger ?? lazyLogger(config, 'sender')
    const keys = keyRing(config.encryptKeys ?? [])
    const maxChunks = config.maxChunks ?? LIMITS.chunksMax
    checkSlug(config.slug, 'slug')
    this.#config = config
    this.#from = config.from ?? config.slug
    this.#address = routerAddress(config)
    this.#logger = logger
    this.#transport = new LazyTransport(() => openPeerTransport(config, options, logger))
    this.#requests = new Requests(clock)
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
      accepts: to => this.#requests.waitsFor(to),
      // The nonce of an inbox is the credential: who answers a request has read it, and nothing else is accepted here.
      allowlist: (config.domains ?? []).length > 0 ? compileAllowlist(config.domains ?? []) : undefined,
      keys,
      maxChunks,
      clock,
      logger,
      deliver: heard => this.#requests.settle(heard.frame.to, replyOf(heard)),
      control: command => (command === 'pause' ? this.pause() : this.#resumeQuietly()),
    })
  }

  /**
   * Encodes a payload and sends its frames to the router, in order.
   *
   * While paused the message is held and the result says `buffered: true`.
   *
   * @throws WgrokError of the codec (`too-many-chunks`, `frame-too-large`, `payload-invalid`, `slug-invalid`), of the
   * transport (`auth-failed`, `rate-limited`, `platform-unavailable`, …), or `aborted`, `lane-full`, `closed`.
   */
  async send(payload: string, options: SenderSendOptions = {}): Promise<SendResult> {
    const to = options.to ?? this.#config.slug
    const from = options.from ?? this.#from
    checkSlug(to, 'to')
    checkSlug(from, 'from')
    return this.#outgoing.send({
      payload,
      to,
      from,
      address: this.#address,
      cards: cardList(options.card),
      compress: compressMode(options.compress, this.#config.compress),
      signal: options.signal,
    })
  }

  /**
   * Sends a payload from an inbox of its own and waits for the answer to it.
   *
   * Who may answer: with `config.domains` set, an allowed identity only; without, whoever learned the inbox's nonce.
   *
   * @throws WgrokError as {@link send} does, and `timeout` when no answer came in time.
   */
  async request(payload: string, options: RequestOptions = {}): Promise<Reply> {
    const { timeoutMs = LIMITS.requestTimeout, ...rest } = options
    const inbox = newInbox(this.#from)
    const reply = this.#requests.open(inbox, timeoutMs, options.signal)
    try {
      await this.#transport.listen(message => this.#inbound.receive(message))
      await this.send(payload, { ...rest, from: inbox })
      return await reply
    } catch (error) {
      // Sending failed, or this is the rejection of the reply itself; either way nobody waits for the inbox now.
      this.#requests.drop(inbox)
      reply.catch(() => {})
      throw error
    }
  }

  /** Holds messages from now on, at most `LIMITS.senderBufferMax`. */
  pause(): void {
    this.#outgoing.pause()
  }

  /**
   * Sends what was held, in order; resolves with the results.
   *
   * @throws WgrokError of the first message that failed. The rest stays held and the sender paused; the failed message
   * stays held too if its error is retryable.
   */
  resume(): Promise<SendResult[]> {
    return this.#outgoing.resume()
  }

  /** Waits for sends under way, then closes the connection. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#requests.close()
    const lost = await this.#outgoing.close()
    if (lost > 0) this.#logger.warn('closed while paused: held messages are lost', { count: lost })
    this.#inbound.close()
    await this.#transport.close()
  }

  async #resumeQuietly(): Promise<void> {
    await this.resume()
  }
}

function replyOf(heard: Heard): Reply {
  const { frame, message, payload } = heard
  const { conversation, id, platform, sender } = message
  const context = { messageId: id, sender: sender.principals[0] ?? '', platform, room: conversation }
  return { payload, cards: message.cards, from: frame.from, context }
}
