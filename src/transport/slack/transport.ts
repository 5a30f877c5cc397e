import { FRAME_LIMITS } from '../../../generated/limits.js'
import { slackPostMessageCall } from '../../../generated/rest.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { fits } from '../../frame/measure.js'
import { type Logger, silent } from '../../log.js'
import type { Address } from '../../protocol.js'
import { createDial, type Dial } from '../dial.js'
import type { TransportOptions } from '../open.js'
import { StatusFeed } from '../status.js'
import type { InboundMessage, OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from '../transport.js'
import { checkAddress } from './address.js'
import { createSlackApi, type SlackApi } from './api.js'
import { SlackConnection } from './connection.js'
import { History } from './history.js'
import { createSlackDirectory, type SlackDirectory } from './identity.js'
import { Intake } from './intake.js'
import type { LinkTimes } from './link.js'
import { markOf, metadataOf, postBody, readReceipt } from './outbound.js'
import { Targets } from './targets.js'

/** Options of {@link createSlackTransport} that only tests need. */
export interface SlackTransportOptions extends TransportOptions, LinkTimes {}

/**
 * A Slack app: posts with its bot token, listens over Socket Mode with its app-level token.
 *
 * @param token bot token (`xoxb-`)
 */
export function createSlackTransport(token: string, options: SlackTransportOptions): Transport {
  return new SlackTransport(token, options)
}

class SlackTransport implements Transport {
  readonly platform = 'slack'
  readonly limit = FRAME_LIMITS.slack
  readonly #options: SlackTransportOptions
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #dial: Dial
  readonly #api: SlackApi
  readonly #targets: Targets
  readonly #history: History
  readonly #directory: SlackDirectory
  readonly #status = new StatusFeed({ state: 'connecting' })
  readonly #closing = new AbortController()
  #listening: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(token: string, options: SlackTransportOptions) {
    const { clock = systemClock, logger = silent, random, proxy, apiUrl } = options
    this.#options = options
    this.#logger = logger
    this.#clock = clock
    this.#dial = createDial(proxy === undefined ? {} : { proxy })
    this.#api = createSlackApi(token, { proxy, apiUrl })
    this.#targets = new Targets(this.#api, { clock })
    this.#history = new History(this.#api, { clock, logger, random: random ?? Math.random })
    this.#directory = createSlackDirectory(this.#api, {
      clock,
      logger,
      signal: this.#closing.signal,
      ...(random === undefined ? {} : { random }),
    })
  }

  async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    try {
      checkAddress(to)
      if (this.#closing.signal.aborted) throw new WgrokError('closed', 'the transport is closed')
      // Slack would split it into several messages, or cut it and call that a success.
      if (!fits(message.text, this.limit)) {
        throw new WgrokError('frame-too-large', `Slack takes ${this.limit.size} ${this.limit.unit}`)
      }
      const channel = await this.#targets.channelOf(to, signal)
      const { thread } = to
      const mark = markOf(options.idempotencyKey)
      if (options.maybeSentSince !== undefined) {
        const sought = { channel: this.#targets.idOf(channel), thread, mark, since: options.maybeSentSince }
        const found = await this.#history.find(sought, signal)
        if (found !== undefined) return readReceipt({ ok: true, channel: sought.channel, ts: found.ts }, channel)
      }
      const body = { ...postBody(channel, message, thread), metadata: metadataOf(mark) }
      const reply = await this.#api.call(slackPostMessageCall, { params: {}, body, signal })
      if (reply.channel !== undefined) this.#targets.learn(channel, reply.channel)
      return readReceipt(reply, channel)
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (error.code === 'target-not-found') this.#targets.forget(to)
      if (!error.retryable && error.code !== 'aborted' && error.code !== 'closed') {
        this.#logger.warn('Slack did not take a message', { code: error.code, error, kind: to.kind })
      }
      throw error
    }
  }

  listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    this.#listening ??= this.#listen(deliver)
    return this.#listening
  }

  status(): AsyncIterable<TransportStatus> {
    return this.#status.follow()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    const { appToken, role, proxy, apiUrl, random = Math.random, ...times } = this.#options
    try {
      if (this.#closing.signal.aborted) throw new WgrokError('closed', 'the transport is closed')
      if (appToken === undefined || appToken === '') {
        const name = role === 'router' ? 'WGROK_SLACK_APP_TOKENS' : 'WGROK_SLACK_APP_TOKEN'
        throw new WgrokError(
          'config-missing',
          `${name} is not set: listening on Slack needs an app-level token (xapp-)`,
        )
      }
    } catch (error) {
      this.#status.set({ state: 'failed', error: WgrokError.from(error) })
      throw error
    }
    const { signal } = this.#closing
    const api = createSlackApi(appToken, { proxy, apiUrl })
    const connection = new SlackConnection({
      ...times,
      api,
      dial: this.#dial,
      directory: this.#directory,
      intake: new Intake({ directory: this.#directory, deliver, clock: this.#clock }),
      status: this.#status,
      logger: this.#logger,
      clock: this.#clock,
      random,
      signal,
    })
    await new Promise<void>((resolve, reject) => {
      this.#running = connection
        .run(resolve)
        .then(() => reject(new WgrokError('closed', 'the transport was closed')), reject)
        .finally(() => api.close())
    })
  }

  async #close(): Promise<void> {
    this.#closing.abort(new WgrokError('closed', 'the transport was closed'))
    await this.#running
    await this.#api.close()
    this.#status.set({ state: 'closed' })
  }
}
