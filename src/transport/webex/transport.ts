import { setMaxListeners } from 'node:events'
import { FRAME_LIMITS } from '../../../generated/limits.js'
import { webexCreateMessageCall } from '../../../generated/rest.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { Address } from '../../protocol.js'
import { createDial, type Dial } from '../dial.js'
import type { TransportOptions } from '../open.js'
import { StatusFeed } from '../status.js'
import type { InboundMessage, OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from '../transport.js'
import { checkAddress } from './address.js'
import { catalogUrl, createWebexApi, type WebexApi } from './api.js'
import { WebexConnection } from './connection.js'
import { WebexDevices } from './device.js'
import { askSelf } from './identity.js'
import { Intake } from './intake.js'
import { defined, type LinkTimes } from './link.js'
import { messageBody } from './outbound.js'

/** Options of {@link createWebexTransport} that only tests need. */
export interface WebexTransportOptions extends TransportOptions, LinkTimes {
  /** Silence after which rooms are read back to see whether the socket is deaf, in ms. Default 300,000. */
  readonly deafCheck?: number
}

/** How long taking the device back may take at the end, in ms. */
const RELEASE_TIMEOUT = 3_000

/**
 * A Webex bot or account: sends over REST, listens over Mercury.
 *
 * @param token access token
 */
export function createWebexTransport(token: string, options: WebexTransportOptions): Transport {
  return new WebexTransport(token, options)
}

class WebexTransport implements Transport {
  readonly platform = 'webex'
  readonly limit = FRAME_LIMITS.webex
  readonly #token: string
  readonly #options: WebexTransportOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #random: () => number
  readonly #dial: Dial
  readonly #api: WebexApi
  readonly #devices: WebexDevices
  readonly #status = new StatusFeed({ state: 'connecting' })
  readonly #closing = new AbortController()
  #listening: Promise<void> | undefined
  #running: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  constructor(token: string, options: WebexTransportOptions) {
    const { apiUrl, clock = systemClock, logger = silent, proxy, random = Math.random, role } = options
    this.#token = token
    // Every call and every wait ends with it.
    setMaxListeners(0, this.#closing.signal)
    this.#options = options
    this.#clock = clock
    this.#logger = logger
    this.#random = random
    this.#dial = createDial(proxy === undefined ? {} : { proxy })
    this.#api = createWebexApi(token, { dial: this.#dial, apiUrl })
    const catalog = catalogUrl(options.catalogUrl, apiUrl)
    this.#devices = new WebexDevices({ api: this.#api, catalogUrl: catalog, role, logger, random })
  }

  async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    try {
      checkAddress(to)
      if (this.#closing.signal.aborted) throw new WgrokError('closed', 'the transport is closed')
      const body = messageBody(to, message)
      const reply = await this.#api.call(webexCreateMessageCall, { params: {}, body, signal })
      return { messageId: reply.id, platformResponse: reply }
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (!error.retryable && error.code !== 'aborted' && error.code !== 'closed') {
        this.#logger.warn('Webex did not take a message', { code: error.code, error, kind: to.kind })
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
    const { signal } = this.#closing
    const [api, clock, logger, random] = [this.#api, this.#clock, this.#logger, this.#random]
    const clusterOf = (host: string): string => this.#devices.clusterOf(host)
    const intake = async (): Promise<Intake> => {
      const self = await askSelf(api, signal)
      return new Intake({ api, self, clusterOf, deliver, clock, random, logger, signal })
    }
    const { deafCheck, pingInterval, pongTimeout, readyTimeout } = this.#options
    const connection = new WebexConnection({
      ...defined({ pingInterval, pongTimeout, readyTimeout }),
      ...(deafCheck === undefined ? {} : { deafCheck }),
      token: this.#token,
      devices: this.#devices,
      intake,
      dial: this.#dial,
      status: this.#status,
      logger,
      clock,
      random,
      signal,
    })
    await new Promise<void>((resolve, reject) => {
      this.#running = connection
        .run(resolve)
        .then(() => reject(new WgrokError('closed', 'the transport was closed')), reject)
    })
  }

  async #close(): Promise<void> {
    this.#closing.abort(new WgrokError('closed', 'the transport was closed'))
    await this.#running
    await this.#devices.release(AbortSignal.timeout(RELEASE_TIMEOUT))
    await this.#api.close()
    this.#status.set({ state: 'closed' })
  }
}
