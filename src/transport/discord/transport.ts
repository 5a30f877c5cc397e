import { FRAME_LIMITS } from '../../../generated/limits.js'
import type { DiscordMessage } from '../../../generated/models.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { Address } from '../../protocol.js'
import { createDial } from '../dial.js'
import type { TransportOptions } from '../open.js'
import { retry } from '../retry.js'
import { StatusFeed } from '../status.js'
import type { InboundMessage, OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from '../transport.js'
import { createDiscordApi, DISCORD_API_URL, type DiscordApi } from './api.js'
import { DiscordConnection } from './connection.js'
import { DirectChannels } from './direct-channels.js'
import type { DiscordSelf } from './identity.js'
import { readMessage } from './inbound.js'
import { messageBody } from './outbound.js'

/** Message ids remembered, so that what a resume repeats is told once. */
const HEARD_MAX = 10_000
const HEARD_TTL = 600_000

/**
 * One Discord bot: messages go out over REST and come in over the gateway.
 *
 * A router is refused at once when a channel's budget is used up (`rate-limited` with the time that is left), so that it
 * can take another of its bots; a peer has only one and waits.
 *
 * @param token bot token, without the word Bot.
 * @throws WgrokError `config-invalid` for a token that no header can carry.
 */
export function createDiscordTransport(token: string, options: TransportOptions): Transport {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new WgrokError('config-invalid', 'the Discord token is malformed')
  return new DiscordTransport(token, options)
}

class DiscordTransport implements Transport {
  readonly platform = 'discord'
  readonly limit = FRAME_LIMITS.discord
  readonly #api: DiscordApi
  readonly #directChannels: DirectChannels
  readonly #connection: DiscordConnection
  readonly #status = new StatusFeed({ state: 'connecting' })
  readonly #heard: ExpiringMap<true>
  readonly #closing = new AbortController()
  readonly #clock: Clock
  readonly #random: () => number
  readonly #logger: Logger
  #deliver: ((message: InboundMessage) => Promise<void>) | undefined
  #listening: Promise<void> | undefined
  #warnedOfIntent = false

  constructor(token: string, options: TransportOptions) {
    const {
      apiUrl = DISCORD_API_URL,
      clock = systemClock,
      logger = silent,
      proxy,
      random = Math.random,
      role,
    } = options
    this.#clock = clock
    this.#random = random
    this.#logger = logger
    const dial = createDial(proxy === undefined ? {} : { proxy })
    this.#api = createDiscordApi(token, { apiUrl, clock, dial, whenEmpty: role === 'router' ? 'refuse' : 'wait' })
    this.#directChannels = new DirectChannels(this.#api)
    this.#heard = new ExpiringMap({ ttl: HEARD_TTL, max: HEARD_MAX, clock })
    this.#connection = new DiscordConnection({
      token,
      api: this.#api,
      dial,
      clock,
      random,
      logger,
      status: this.#status,
      secure: !apiUrl.startsWith('http:'),
      heard: (message, self) => this.#take(message, self),
    })
  }

  async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    if (this.#closing.signal.aborted) throw closedError()
    const { idempotencyKey, signal } = options
    if (to.platform !== 'discord' || (to.kind !== 'channel' && to.kind !== 'user')) {
      throw new WgrokError('target-invalid', 'Discord reaches channels and users only')
    }
    const channelId = to.kind === 'channel' ? to.id : await this.#directChannels.of(to.id, signal)
    try {
      const sent = await this.#api.createMessage(channelId, messageBody(message, channelId, idempotencyKey), signal)
      return { messageId: sent.id, platformResponse: sent }
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (to.kind === 'user' && error.code === 'target-not-found') this.#directChannels.forget(to.id)
      this.#warn('discord took no message', error)
      throw error
    }
  }

  listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    this.#deliver ??= deliver
    this.#listening ??= this.#connection.start()
    return this.#listening
  }

  status(): AsyncIterable<TransportStatus> {
    return this.#status.follow()
  }

  async close(): Promise<void> {
    this.#closing.abort(closedError())
    await this.#connection.close()
    await this.#api.close()
  }

  #take(message: DiscordMessage, self: DiscordSelf): void {
    const read = readMessage(message, self)
    if (read === 'textless') this.#warnOfIntent()
    if (typeof read === 'string' || this.#heard.has(read.id)) return
    this.#heard.set(read.id, true)
    void this.#pass(read)
  }

  /** Discord repeats nothing that arrived, so a message that could not be taken now is kept here for a while. */
  async #pass(message: InboundMessage): Promise<void> {
    const { signal } = this.#closing
    const attempt = async (): Promise<void> => this.#deliver?.(message)
    try {
      await retry(attempt, { signal, clock: this.#clock, random: this.#random })
    } catch (caught) {
      if (!signal.aborted) this.#warn('discord message was not taken', WgrokError.from(caught), message.id)
    }
  }

  #warnOfIntent(): void {
    if (this.#warnedOfIntent) return
    this.#warnedOfIntent = true
    this.#logger.warn('discord hides the text of messages: enable the Message Content intent (MESSAGE_CONTENT)')
  }

  #warn(what: string, error: WgrokError, messageId?: string): void {
    if (error.code === 'aborted' || error.code === 'closed' || error.code === 'rate-limited') return
    this.#logger.warn(what, { code: error.code, error, ...(messageId === undefined ? {} : { messageId }) })
  }
}

function closedError(): WgrokError {
  return new WgrokError('closed', 'the transport was closed')
}
