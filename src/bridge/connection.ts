import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ErrorCode } from '../../generated/errors.js'
import type { BridgeResumeState } from '../../generated/models.js'
import { type BridgeReceives, dispatchBridgeReceives, type Undecoded } from '../../generated/stubs.js'
import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import { Burst } from './burst.js'
import { errorEnvelope, REGISTERED, SERVER_NAME, sessionKeyOf, writeEnvelope } from './envelope.js'
import { Heartbeat } from './heartbeat.js'
import { readJson } from './json.js'
import type { BridgeLimits } from './limits.js'
import type { Peer } from './peer.js'
import { refuse, sendText, textOf } from './server-socket.js'
import type { TokenProof } from './tokens.js'

type State =
  | { readonly name: 'registering'; readonly timer: Timer }
  | { readonly name: 'live'; readonly peer: Peer }
  | { readonly name: 'closed' }

const NORMAL_CLOSURE = 1000

/** Bytes that may wait for the end of the turn; beyond that whoever sends has to wait for the system. */
const BURST_BYTES = 64 * 1024

/** What a connection needs from its server. */
export interface ConnectionOptions {
  readonly socket: WebSocket
  /** What the socket writes to. */
  readonly wire: Duplex
  /** Platform name from the path. */
  readonly platform: string
  readonly proof: TokenProof
  readonly receives: BridgeReceives<Incoming, void>
  readonly limits: BridgeLimits
  readonly clock: Clock
  readonly logger: Logger
  /** The socket is gone, for whatever reason. Called once. `clean`: the peer said goodbye. */
  gone(connection: Connection, clean: boolean): void
}

/** Where an envelope came from, and what to call when it has been handled. */
export interface Incoming {
  readonly connection: Connection
  done(): void
}

/** The server's side of one socket: bytes in, handlers out, and the state that says which handlers may run. */
export class Connection {
  readonly platform: string
  readonly proof: TokenProof
  readonly #options: ConnectionOptions
  readonly #socket: WebSocket
  readonly #burst: Burst
  readonly #heartbeat: Heartbeat
  #state: State
  #paused = false

  constructor(options: ConnectionOptions) {
    const { socket, clock, limits } = options
    this.#options = options
    this.#socket = socket
    this.#burst = new Burst(options.wire)
    this.platform = options.platform
    this.proof = options.proof
    this.#state = {
      name: 'registering',
      timer: clock.setTimeout(
        () => this.refuse('register-required', 'no registration in time'),
        limits.registerTimeout,
        {
          unref: true,
        },
      ),
    }
    this.#heartbeat = new Heartbeat({
      clock,
      pingInterval: limits.pingInterval,
      pongTimeout: limits.pongTimeout,
      ping: () => (this.#paused ? this.#heartbeat.heard() : socket.ping()),
      dead: () => this.#dead(),
    })
    socket.on('message', (data, isBinary) => this.#hear(isBinary ? undefined : textOf(data)))
    socket.on('ping', () => this.#heartbeat.heard())
    socket.on('pong', () => this.#heartbeat.heard())
    // 'close' follows every error.
    socket.on('error', error => options.logger.debug('bridge socket error', { code: WgrokError.from(error).code }))
    socket.on('close', code => this.#gone(code === NORMAL_CLOSURE))
  }

  /** The registered peer, while there is one. */
  get peer(): Peer | undefined {
    return this.#state.name === 'live' ? this.#state.peer : undefined
  }

  /** Registration succeeded: from now on other envelopes than `register` are heard. */
  admit(peer: Peer): void {
    if (this.#state.name !== 'registering') return
    this.#enter({ name: 'live', peer })
  }

  /** Says that the registration succeeded. */
  confirm(resume: BridgeResumeState | undefined): void {
    const reply = { type: 'reply', platform: SERVER_NAME, content: REGISTERED } as const
    this.post(writeEnvelope(resume === undefined ? reply : { ...reply, resume }))?.catch(() => {})
  }

  /**
   * Hands one envelope to the system together with all else that this turn of the event loop sends.
   *
   * @returns undefined when so little is waiting that nobody need wait for it; else as {@link send}.
   */
  post(data: string | Buffer): Promise<void> | undefined {
    const waiting = this.#socket.bufferedAmount + data.length
    const isLittle = waiting <= Math.min(BURST_BYTES, this.#options.limits.buffered)
    if (!isLittle || this.#socket.readyState !== this.#socket.OPEN) return this.send(data)
    this.#burst.begin()
    this.#socket.send(data, { binary: false })
    return undefined
  }

  /**
   * Hands one envelope to the system.
   *
   * @throws WgrokError `connection-lost`; `slow-consumer` when too much is waiting, which also closes the connection.
   */
  send(data: string | Buffer): Promise<void> {
    if (this.#socket.readyState !== this.#socket.OPEN) {
      return Promise.reject(new WgrokError('connection-lost', 'the connection is closed'))
    }
    // Only what the system does not take counts as waiting.
    this.#burst.end()
    if (this.#socket.bufferedAmount + data.length > this.#options.limits.buffered) {
      this.#options.logger.warn('bridge peer reads too slowly', { platform: this.platform })
      this.refuse('slow-consumer', `more than ${this.#options.limits.buffered} bytes are waiting`)
      return Promise.reject(new WgrokError('slow-consumer', 'too much is waiting for the connection'))
    }
    return sendText(this.#socket, data)
  }

  /** Answers with an `error`; the connection goes on. */
  error(code: ErrorCode, detail: string, sessionKey?: string): void {
    // Not awaited: an error that cannot be delivered is no error of its own.
    this.post(writeEnvelope(errorEnvelope(code, detail, sessionKey)))?.catch(() => {})
  }

  /** Answers with an `error` and closes. */
  refuse(code: ErrorCode, detail: string): void {
    refuse(this.#socket, code, detail)
  }

  /** Closes without blame. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  /** Resolves when the socket, which is still there, is gone. */
  closed(): Promise<void> {
    return new Promise(resolve => this.#socket.once('close', () => resolve()))
  }

  /** Destroys the socket. What was reported as sent goes to the system before. */
  terminate(): void {
    this.#burst.end()
    this.#socket.terminate()
  }

  /** Stops reading, so that TCP makes the peer wait. */
  hold(): void {
    this.#paused = true
    this.#socket.pause()
  }

  /** Reads again. */
  release(): void {
    this.#paused = false
    this.#heartbeat.heard()
    this.#socket.resume()
  }

  #hear(text: string | undefined): void {
    this.#heartbeat.heard()
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (text === undefined) {
      this.refuse('media-type-unsupported', 'envelopes are text frames')
      return
    }
    const read = readJson(text)
    if (!read.ok) this.error('envelope-invalid', read.problem)
    else this.#dispatch(read.value)
  }

  #dispatch(value: Record<string, unknown>): void {
    const key = sessionKeyOf(value)
    if (this.#state.name === 'registering' && value['type'] !== 'register') {
      this.error('register-required', 'register comes first', key)
      return
    }
    const done = this.#state.name === 'live' ? this.#state.peer.accept(value) : () => {}
    if (done === undefined) return
    dispatchBridgeReceives(value, this.#options.receives, { connection: this, done }, (problem: Undecoded) => {
      if (problem.operation === 'unknown') this.error('type-unknown', 'the type is not one of the protocol', key)
      else this.error('envelope-invalid', describe(problem), key)
      done()
    })
  }

  #dead(): void {
    this.#options.logger.info('bridge peer went silent', { platform: this.platform })
    this.terminate()
  }

  #gone(clean: boolean): void {
    if (this.#state.name === 'closed') return
    this.#heartbeat.stop()
    this.#options.gone(this, clean)
    this.#enter({ name: 'closed' })
  }

  #enter(next: State): void {
    if (this.#state.name === 'registering') this.#state.timer.cancel()
    this.#state = next
  }
}

/** The place and the rule, without the value. */
function describe(problem: Extract<Undecoded, { operation: 'invalid' }>): string {
  const first = problem.errors[0]
  return first === undefined
    ? 'does not match its schema'
    : `${first.instancePath} ${first.message ?? first.keyword}`.trim()
}
