import { LIMITS } from '../../../generated/limits.js'
import type { SlackAck, SlackHello } from '../../../generated/models.js'
import type { SlackSocketSends } from '../../../generated/stubs.js'
import type { Clock, Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Dial } from '../dial.js'
import { openSocket, type Socket } from '../socket.js'

/** Why a link is to be replaced, or is gone. */
export type Leaving =
  /** The socket is closed. */
  | 'ended'
  /** Slack asked for a new socket; this one still works for a while. */
  | 'refresh'
  /** Slack has been silent for too long; the socket may be dead. */
  | 'stale'
  /** Slack counts too many sockets of this app. */
  | 'crowded'
  /** Socket Mode is switched off. */
  | 'disabled'

/** How long the parts of a link may take. */
export interface LinkTimes {
  /** Between our pings; a ping that is unanswered when the next one is due ends the link. Default 10,000 ms. */
  readonly pingInterval?: number
  /** Silence of Slack, its pings included, after which the link is stale. Default 60,000 ms. */
  readonly staleAfter?: number
  /** From the handshake to `hello`. Default `LIMITS.requestTimeout`. */
  readonly helloTimeout?: number
  /** How long a replaced link stays to ack what is under way. Default 3,000 ms. */
  readonly linger?: number
}

/** Options of {@link openLink}. */
export interface LinkOptions extends LinkTimes {
  readonly dial: Dial
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Every text frame; the handler tells the link of `hello` and `disconnect`. */
  readonly frame: (text: string, link: Link) => void
}

const PING_INTERVAL = 10_000
const STALE_AFTER = 60_000
const LINGER = 3_000
const CLOSE_TIMEOUT = 3_000

/**
 * Opens one Socket Mode connection and resolves when Slack has said hello.
 *
 * @throws WgrokError as {@link openSocket} does; `timeout` without a hello; `rate-limited` when Slack counts too many
 * sockets; `forbidden` when Socket Mode is off.
 */
export async function openLink(url: string, options: LinkOptions): Promise<Link> {
  if (!/^wss?:\/\//.test(url)) throw new WgrokError('platform-rejected', 'the socket URL is none')
  const link = new Link(options)
  await link.open(url)
  return link
}

/** One Socket Mode connection. */
export class Link implements SlackSocketSends<void, Promise<void>> {
  /** When Slack was last heard on it, its pings included, in ms since 1970. */
  lastFrameAt: number
  /** Whether anything but `hello` came. */
  proven = false
  /** Resolves when the link should be replaced; an end resolves it too. */
  readonly leaving: Promise<Leaving>
  /** Resolves when the socket is closed. */
  readonly ended: Promise<void>
  readonly #options: LinkOptions
  readonly #timers = new Set<Timer>()
  readonly #hello: Promise<void>
  #greet: (error?: WgrokError) => void = () => {}
  #leave: (why: Leaving) => void = () => {}
  #end: () => void = () => {}
  #socket: Socket | undefined
  #open = false
  #ponged = true
  #busy = 0
  #idle: (() => void) | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.lastFrameAt = options.clock.now()
    this.#hello = new Promise((resolve, reject) => {
      this.#greet = error => (error === undefined ? resolve() : reject(error))
    })
    this.leaving = new Promise(resolve => {
      this.#leave = resolve
    })
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
  }

  /** False once the socket is closed. */
  get alive(): boolean {
    return this.#open
  }

  /** Connects and waits for `hello`. To be called once. */
  async open(url: string): Promise<void> {
    const { dial, signal, helloTimeout = LIMITS.requestTimeout } = this.#options
    const early: string[] = []
    const heard = (text: string): void => {
      this.#hear()
      // A frame may be here before the promise of the socket is.
      if (this.#socket === undefined) early.push(text)
      else this.#options.frame(text, this)
    }
    const handlers = {
      message: heard,
      close: () => this.#ended(),
      ping: () => this.#hear(),
      pong: () => {
        this.#ponged = true
      },
    }
    this.#socket = await openSocket(url, handlers, { dial, signal }).catch(ticketRefused)
    this.#open = true
    const abort = (): void => this.terminate()
    signal.addEventListener('abort', abort, { once: true })
    this.ended.then(() => signal.removeEventListener('abort', abort))
    this.#after(helloTimeout, () => this.#greet(new WgrokError('timeout', 'Slack did not say hello')))
    for (const text of early) this.#options.frame(text, this)
    if (signal.aborted) this.terminate()
    await this.#hello.catch(error => {
      this.terminate()
      throw error
    })
  }

  /** Slack's hello: from now on the link is live. */
  greeted(_hello: SlackHello): void {
    this.#cancelTimers()
    this.#beat()
    this.#greet()
  }

  /** Slack wants this link to go, for `reason`. */
  dismissed(reason: string | undefined): void {
    if (reason === 'link_disabled') {
      this.#greet(new WgrokError('forbidden', 'Socket Mode is switched off for this app'))
      this.#leave('disabled')
    } else if (reason === 'too_many_websockets') {
      this.#greet(new WgrokError('rate-limited', 'Slack counts too many sockets of this app'))
      this.#leave('crowded')
    } else {
      this.#greet(new WgrokError('platform-unavailable', 'Slack asked for another socket before it said hello'))
      this.#leave('refresh')
    }
  }

  /** Something is under way that will be acked here. To be followed by {@link settled}. */
  begun(): void {
    this.#busy++
  }

  settled(): void {
    this.#busy--
    if (this.#busy === 0) this.#idle?.()
  }

  /** @throws WgrokError `connection-lost`: Slack will repeat the envelope. */
  async slackAck(ack: SlackAck): Promise<void> {
    if (this.#socket === undefined) throw new WgrokError('connection-lost', 'the socket is not open')
    await this.#socket.send(JSON.stringify(ack))
  }

  /** Closes the socket when what is under way is acked, after `linger` at the latest. */
  retire(): void {
    const { linger = LINGER } = this.#options
    if (!this.#open) return
    this.#cancelTimers()
    const close = (): void => {
      this.#idle = undefined
      this.#cancelTimers()
      this.#after(CLOSE_TIMEOUT, () => this.terminate())
      this.#socket?.close(1000)
    }
    if (this.#busy === 0) {
      close()
    } else {
      this.#idle = close
      this.#after(linger, close)
    }
  }

  /** Drops the connection. Idempotent. */
  terminate(): void {
    this.#socket?.terminate()
  }

  #hear(): void {
    this.lastFrameAt = this.#options.clock.now()
  }

  /** Pings, and looks whether Slack still speaks. */
  #beat(): void {
    const { clock, pingInterval = PING_INTERVAL, staleAfter = STALE_AFTER } = this.#options
    this.#ponged = false
    this.#socket?.ping()
    this.#after(pingInterval, () => {
      if (!this.#ponged) return this.terminate()
      if (clock.now() - this.lastFrameAt >= staleAfter) this.#leave('stale')
      this.#beat()
    })
  }

  #ended(): void {
    this.#open = false
    this.#cancelTimers()
    this.#idle = undefined
    this.#greet(new WgrokError('platform-unavailable', 'the socket closed before Slack said hello'))
    this.#leave('ended')
    this.#end()
  }

  #after(ms: number, fn: () => void): void {
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, ms)
    this.#timers.add(timer)
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}

/** A URL is good once; a refusal says nothing about the token that it was got with. */
function ticketRefused(caught: unknown): never {
  const error = WgrokError.from(caught)
  const ticket = error.code === 'auth-failed' || error.code === 'forbidden' || error.code === 'target-not-found'
  throw ticket ? new WgrokError('platform-unavailable', 'the socket URL was refused', { cause: error }) : error
}
