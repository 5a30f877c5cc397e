import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { Address, FrameLimit } from '../../protocol.js'
import { createDial, type DialTls } from '../dial.js'
import type { TransportOptions } from '../open.js'
import { StatusFeed } from '../status.js'
import type { InboundMessage, OutboundMessage, Receipt, SendOptions, Transport, TransportStatus } from '../transport.js'
import { Budget } from './budget.js'
import { IrcConnection, type IrcPace } from './connection.js'
import { loadFramework } from './framework.js'
import { targetOf, textOf } from './outbound.js'
import { type IrcSettings, readSettings } from './settings.js'

/** Options of {@link createIrcTransport} beside those that every transport has. */
export interface IrcTransportOptions extends TransportOptions, IrcPace {
  /** A private CA, or a client certificate. With `cert` SASL EXTERNAL is used instead of the password. */
  readonly tls?: DialTls
}

/** An IRC transport. */
export interface IrcTransport extends Transport {
  /** Messages that wait for their turn in the flood queue. */
  readonly queued: number
}

/**
 * A nick on an IRC network. It connects at the first `send` or `listen`, and stays.
 *
 * @param token `nick:password@server:port/#channel[,#channel2]`
 * @throws WgrokError `config-invalid` naming the part of the connection string that is wrong; `dependency-missing`.
 */
export function createIrcTransport(token: string, options: IrcTransportOptions): IrcTransport {
  const settings = readSettings(token)
  loadFramework()
  return new Irc(settings, options)
}

class Irc implements IrcTransport {
  readonly platform = 'irc'
  readonly #budget: Budget
  readonly #logger: Logger
  readonly #status = new StatusFeed({ state: 'connecting' })
  readonly #closing = new AbortController()
  readonly #connection: IrcConnection
  #deliver: ((message: InboundMessage) => Promise<void>) | undefined
  #running: { readonly live: Promise<void>; readonly over: Promise<void> } | undefined
  #closed: Promise<void> | undefined

  constructor(settings: IrcSettings, options: IrcTransportOptions) {
    const { clock = systemClock, logger = silent, random = Math.random, role, proxy, tls, ...pace } = options
    this.#budget = new Budget(role)
    this.#logger = logger
    this.#connection = new IrcConnection({
      ...pace,
      settings,
      external: tls?.cert !== undefined,
      budget: this.#budget,
      dial: createDial({ ...(proxy === undefined ? {} : { proxy }), ...(tls === undefined ? {} : { tls }) }),
      status: this.#status,
      logger,
      clock: clock satisfies Clock,
      random,
      signal: this.#closing.signal,
      deliver: async message => this.#deliver?.(message),
    })
  }

  get limit(): FrameLimit {
    return this.#budget.limit
  }

  get queued(): number {
    return this.#connection.queued
  }

  async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    try {
      const target = targetOf(to)
      const text = textOf(message)
      if (this.#closing.signal.aborted) throw new WgrokError('closed', 'the transport is closed')
      this.#run()
      return await this.#connection.send(target, text, signal)
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (!error.retryable && error.code !== 'aborted' && error.code !== 'closed') {
        this.#logger.warn('IRC did not take a message', { code: error.code, error, kind: to.kind })
      }
      throw error
    }
  }

  async listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    if (this.#closing.signal.aborted) throw new WgrokError('closed', 'the transport is closed')
    this.#deliver ??= deliver
    await this.#run()
  }

  status(): AsyncIterable<TransportStatus> {
    return this.#status.follow()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** Starts the connection, once; resolves when it was live for the first time. */
  #run(): Promise<void> {
    if (this.#running === undefined) {
      let over: Promise<void> = Promise.resolve()
      const live = new Promise<void>((resolve, reject) => {
        over = this.#connection
          .run(resolve)
          .then(() => reject(new WgrokError('closed', 'the transport was closed')), reject)
      })
      // A sender never asks for it.
      live.catch(() => {})
      this.#running = { live, over }
    }
    return this.#running.live
  }

  async #close(): Promise<void> {
    this.#closing.abort(new WgrokError('closed', 'the transport was closed'))
    await this.#running?.over
    this.#status.set({ state: 'closed' })
  }
}
