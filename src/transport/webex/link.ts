import { randomUUID } from 'node:crypto'
import type {
  WebexMercuryAck,
  WebexMercuryAuthorization,
  WebexMercuryFrame,
  WebexMercuryPing,
} from '../../../generated/models.js'
import type { WebexMercurySends } from '../../../generated/stubs.js'
import type { Clock, Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Dial } from '../dial.js'
import { openSocket, type Socket } from '../socket.js'

/** Why a link is to be replaced, or is gone. */
export type Leaving =
  /** The socket is gone, or Webex wants another one: open it, with the same device. */
  | 'reconnect'
  /** The socket's URL is known no more: refresh the device first. */
  | 'renew'
  /** Another program uses the device. */
  | 'replaced'
  /** The socket is healthy, and nothing comes: register elsewhere. */
  | 'deaf'
  /** Webex refused for good. */
  | 'refused'

/** How long the parts of a link may take. */
export interface LinkTimes {
  /** From one pong to the next ping. Default 15,000 ms. */
  readonly pingInterval?: number
  /** From a ping to its pong. Default 14,000 ms. */
  readonly pongTimeout?: number
  /** From the handshake to readiness. Default 30,000 ms. */
  readonly readyTimeout?: number
}

/** The times that are set: options that are undefined stay absent. */
export function defined(times: { readonly [K in keyof LinkTimes]: number | undefined }): LinkTimes {
  return Object.fromEntries(Object.entries(times).filter(([, ms]) => ms !== undefined))
}

/** Options of {@link openLink}. */
export interface LinkOptions extends LinkTimes {
  readonly token: string
  readonly dial: Dial
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Every text frame; the handler hands the parsed ones back to {@link Link.heard}. */
  readonly frame: (text: string, link: Link) => void
}

const PING_INTERVAL = 15_000
const PONG_TIMEOUT = 14_000
const READY_TIMEOUT = 30_000
const CLOSE_TIMEOUT = 3_000
const READY: ReadonlySet<string> = new Set(['mercury.buffer_state', 'mercury.registration_status'])

/** One Mercury connection. */
export class Link implements WebexMercurySends<void, Promise<void>> {
  /** When Webex was last heard on it, in ms since 1970. */
  lastFrameAt: number
  /** Why the socket was closed; undefined while it is open, and when it never opened. */
  failure: WgrokError | undefined
  /** Resolves when the link should be replaced; an end resolves it too. */
  readonly leaving: Promise<Leaving>
  /** Resolves when the socket is closed. */
  readonly ended: Promise<void>
  readonly #options: LinkOptions
  readonly #ready: Promise<void>
  readonly #timers = new Set<Timer>()
  #settle: (error?: WgrokError) => void = () => {}
  #leave: (why: Leaving) => void = () => {}
  #end: () => void = () => {}
  #socket: Socket | undefined
  #open = false
  #isReady = false
  #isOver = false
  #awaited: string | undefined
  #sequence: number | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.lastFrameAt = options.clock.now()
    this.#ready = new Promise((resolve, reject) => {
      this.#settle = error => (error === undefined ? resolve() : reject(error))
    })
    this.#ready.catch(() => {})
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

  /** True from the frame on with which Webex says so. */
  get ready(): boolean {
    return this.#isReady
  }

  /**
   * Connects, authorizes and waits until Webex says that it is ready. To be called once.
   *
   * @throws WgrokError as {@link openSocket} does; `target-not-found` when the device is unknown; `auth-failed`,
   * `forbidden` and `platform-rejected` for good; `timeout` when nothing says that it is ready.
   */
  async open(url: string): Promise<void> {
    if (!/^wss?:\/\//.test(url)) throw new WgrokError('platform-rejected', 'the socket URL is none')
    const { clock, dial, readyTimeout = READY_TIMEOUT, signal, token } = this.#options
    const early: string[] = []
    const handlers = {
      message: (text: string): void => {
        this.lastFrameAt = clock.now()
        // A frame may be here before the promise of the socket is.
        if (this.#socket === undefined) early.push(text)
        else this.#options.frame(text, this)
      },
      close: (code: number, reason: string) => this.#closed(code, reason),
    }
    this.#socket = await openSocket(mercuryUrl(url, clock.now()), handlers, { dial, signal })
    // It may be closed before its promise is looked at.
    if (this.#isOver) return await this.#ready
    this.#open = true
    const abort = (): void => this.terminate()
    signal.addEventListener('abort', abort, { once: true })
    this.ended.then(() => signal.removeEventListener('abort', abort))
    this.#after(readyTimeout, () => this.#settle(new WgrokError('timeout', 'Webex did not say that it is ready')))
    const id = randomUUID()
    const data = { token: `Bearer ${token}` }
    this.webexAuthorize({ id, type: 'authorization', data, trackingId: `wgrok_${id}` }).catch(() => {})
    for (const text of early) this.#options.frame(text, this)
    if (signal.aborted) this.terminate()
    await this.#ready.catch(async error => {
      this.terminate()
      await this.ended
      throw error
    })
  }

  /**
   * What a frame means for the connection itself.
   *
   * @returns how many frames were lost before this one.
   */
  heard(frame: WebexMercuryFrame): number {
    if (frame.id !== undefined && frame.id !== '') this.webexAck({ messageId: frame.id, type: 'ack' }).catch(() => {})
    if (frame.type === 'pong') this.#ponged(frame.id)
    else if (frame.type === 'shutdown') this.#leave('reconnect')
    else if (!this.#isReady && READY.has(frame.data?.eventType ?? '')) this.#becomeReady()
    return this.#gapBefore(frame.sequenceNumber)
  }

  webexAuthorize(message: WebexMercuryAuthorization): Promise<void> {
    return this.#send(message)
  }

  webexAck(message: WebexMercuryAck): Promise<void> {
    return this.#send(message)
  }

  webexPing(message: WebexMercuryPing): Promise<void> {
    return this.#send(message)
  }

  /** Closes the socket; its successor is open. */
  retire(): void {
    if (!this.#open) return
    this.#cancelTimers()
    this.#after(CLOSE_TIMEOUT, () => this.terminate())
    this.#socket?.close(1000, 'done (forced)')
  }

  /** Drops the connection. Idempotent. */
  terminate(): void {
    this.#socket?.terminate()
  }

  async #send(message: unknown): Promise<void> {
    if (this.#socket === undefined) throw new WgrokError('connection-lost', 'the socket is not open')
    await this.#socket.send(JSON.stringify(message))
  }

  #becomeReady(): void {
    this.#isReady = true
    this.#cancelTimers()
    this.#ping()
    this.#settle()
  }

  #ping(): void {
    const { pongTimeout = PONG_TIMEOUT } = this.#options
    this.#awaited = randomUUID()
    this.webexPing({ id: this.#awaited, type: 'ping' }).catch(() => {})
    this.#after(pongTimeout, () => this.drop('pong not received'))
  }

  #ponged(id: string | undefined): void {
    const { pingInterval = PING_INTERVAL } = this.#options
    if (!this.#isReady || this.#awaited === undefined) return
    if (id !== this.#awaited) {
      this.drop('pong mismatch')
      return
    }
    this.#awaited = undefined
    this.#cancelTimers()
    this.#after(pingInterval, () => this.#ping())
  }

  /** Closes a socket that seems dead: the closing handshake gets a moment, no more. */
  drop(reason: string, why: Leaving = 'reconnect'): void {
    this.#cancelTimers()
    this.#leave(why)
    this.#after(CLOSE_TIMEOUT, () => this.terminate())
    this.#socket?.close(1000, reason)
  }

  #gapBefore(sequence: number | undefined): number {
    if (sequence === undefined) return 0
    const expected = this.#sequence === undefined ? sequence : this.#sequence + 1
    this.#sequence = Math.max(sequence, this.#sequence ?? sequence)
    return Math.max(0, sequence - expected)
  }

  #closed(code: number, reason: string): void {
    this.#open = false
    this.#isOver = true
    this.#cancelTimers()
    const { leaving, error } = verdict(code, reason.toLowerCase(), this.#isReady)
    this.failure = error
    this.#settle(error)
    this.#leave(leaving)
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

/** What a close code means: what to do, and why opening failed if it had not finished. */
function verdict(
  code: number,
  reason: string,
  ready: boolean,
): { readonly leaving: Leaving; readonly error: WgrokError } {
  const error = (kind: ConstructorParameters<typeof WgrokError>[0]): WgrokError =>
    new WgrokError(kind, `Webex closed the socket with ${code}`)
  if (code === 4401) return { leaving: 'refused', error: error('auth-failed') }
  if (code === 4403) return { leaving: 'refused', error: error('forbidden') }
  if (code === 4400 || code === 1003) return { leaving: 'refused', error: error('platform-rejected') }
  if (code === 4404 || (code === 1005 && !ready)) return { leaving: 'renew', error: error('target-not-found') }
  if (code === 4000 && reason.includes('replaced')) return { leaving: 'replaced', error: error('platform-unavailable') }
  // Everything else is temporary for a program that means to stay: 1000, 1001, 1006, 1011, 3050, 4001 and new ones.
  return { leaving: 'reconnect', error: error('platform-unavailable') }
}

function mercuryUrl(url: string, now: number): string {
  const full = new URL(url)
  full.searchParams.set('outboundWireFormat', 'text')
  full.searchParams.set('bufferStates', 'true')
  // Refusals come as close codes instead of HTTP statuses.
  full.searchParams.set('aliasHttpStatus', 'true')
  full.searchParams.set('clientTimestamp', String(now))
  return full.href
}
