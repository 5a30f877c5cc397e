import type {
  DiscordDispatch,
  DiscordHeartbeat,
  DiscordHello,
  DiscordIdentify,
  DiscordInvalidSession,
  DiscordReady,
  DiscordResume,
} from '../../../generated/models.js'
import {
  type DiscordGatewayReceives,
  dispatchDiscordGatewayReceives,
  type Undecoded,
} from '../../../generated/stubs.js'
import { validateDiscordReady } from '../../../generated/validators.js'
import type { Clock, Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Dial } from '../dial.js'
import { openSocket, type Socket } from '../socket.js'
import type { Ending } from './ending.js'
import { Heartbeat } from './heartbeat.js'
import { SendWindow } from './send-window.js'

/** A session that can be taken up on another connection. */
export interface Session {
  readonly id: string
  readonly resumeUrl: string
  /** Number of the last dispatch that arrived. */
  seq: number
}

/** What a {@link Link} tells. */
export interface LinkEvents {
  /** A new session began. */
  ready(session: Session, ready: DiscordReady): void
  /** The session goes on; what was missed has been dispatched before. */
  resumed(): void
  /** Any other dispatch, each once, in order. */
  dispatch(dispatch: DiscordDispatch): void
  /** Nothing came since `lastFrameAt` although something should have. */
  stale(lastFrameAt: number): void
  /** After `stale`: something came. */
  fresh(): void
  /** A frame was not what the spec says. */
  bad(problem: Undecoded | 'json' | 'ready'): void
}

/** Options of {@link openLink}. */
export interface LinkOptions {
  readonly url: string
  readonly token: string
  /** Session to take up; without it a new one is started. */
  readonly session: Session | undefined
  readonly dial: Dial
  readonly clock: Clock
  readonly random: () => number
  readonly events: LinkEvents
}

/** GUILD_MESSAGES, DIRECT_MESSAGES and MESSAGE_CONTENT. */
export const INTENTS: number = (1 << 9) | (1 << 12) | (1 << 15)

/** Any code but 1000 and 1001 leaves the session alive. */
const KEEP_SESSION = 4900
const END_SESSION = 1000
const HELLO_TIMEOUT = 30_000
const READY_TIMEOUT = 30_000
/** How long the other end may take to answer our close frame, in ms. */
const CLOSE_TIMEOUT = 1_000

/** What a link is doing; leaving a phase takes its timers along. */
type Phase =
  | { readonly name: 'opening'; readonly abort: AbortController; readonly early: string[] }
  /** The socket is open, HELLO has not come. */
  | { readonly name: 'greeting'; readonly socket: Socket; readonly timer: Timer }
  /** Identify or resume is sent. */
  | { readonly name: 'proving'; readonly socket: Socket; readonly timer: Timer; readonly heartbeat: Heartbeat }
  | { readonly name: 'live'; readonly socket: Socket; readonly heartbeat: Heartbeat }
  | { readonly name: 'ended' }

/** One connection to the gateway, from the handshake to its end. */
export class Link implements DiscordGatewayReceives<void> {
  readonly #options: LinkOptions
  readonly #window: SendWindow
  #phase: Phase = { name: 'opening', abort: new AbortController(), early: [] }
  #session: Session | undefined
  #lastFrameAt: number
  #lastBeatAt = 0
  #stale = false
  readonly #settled: { ended: (ending: Ending) => void; closed: () => void }
  /** Resolves with how it ended. */
  readonly ended: Promise<Ending>
  /** Resolves when the socket is gone; at or after the end. */
  readonly closed: Promise<void>

  constructor(options: LinkOptions) {
    this.#options = options
    this.#session = options.session
    this.#window = new SendWindow(options.clock)
    this.#lastFrameAt = options.clock.now()
    const settled = { ended: (_ending: Ending): void => {}, closed: (): void => {} }
    this.ended = new Promise(resolve => {
      settled.ended = resolve
    })
    this.closed = new Promise(resolve => {
      settled.closed = resolve
    })
    this.#settled = settled
    void this.#open()
  }

  /** Ends the connection and the session with it. */
  close(): void {
    this.#end({ how: 'ours' }, END_SESSION)
  }

  discordHello({ d }: DiscordHello): void {
    const phase = this.#phase
    if (phase.name === 'opening' || phase.name === 'ended') return
    const { clock, random } = this.#options
    const heartbeat = new Heartbeat({
      interval: d.heartbeat_interval,
      clock,
      random,
      beat: () => this.#beat(true),
      late: () => this.#late(),
      dead: () => this.#end({ how: 'silent', what: 'heartbeat' }, KEEP_SESSION),
    })
    const { socket } = phase
    if (phase.name === 'live') {
      this.#enter({ name: 'live', socket, heartbeat })
      return
    }
    const timer = clock.setTimeout(() => this.#end({ how: 'silent', what: 'ready' }, KEEP_SESSION), READY_TIMEOUT)
    this.#enter({ name: 'proving', socket, timer, heartbeat })
    if (phase.name === 'greeting') this.#prove()
  }

  discordHeartbeatAck(): void {
    if (this.#phase.name === 'proving' || this.#phase.name === 'live') this.#phase.heartbeat.acked()
  }

  discordHeartbeatRequest(): void {
    this.#beat(false)
  }

  discordReconnect(): void {
    this.#end({ how: 'reconnect' }, KEEP_SESSION)
  }

  discordInvalidSession({ d }: DiscordInvalidSession): void {
    this.#end({ how: 'invalid', resumable: d }, d ? KEEP_SESSION : END_SESSION)
  }

  discordDispatch(dispatch: DiscordDispatch): void {
    if (dispatch.t === 'READY') {
      this.#ready(dispatch)
      return
    }
    const session = this.#session
    // Before READY there is nothing that a dispatch could belong to; what a resume repeats has been here before.
    if (session === undefined || dispatch.s <= session.seq) return
    session.seq = dispatch.s
    if (dispatch.t !== 'RESUMED') this.#options.events.dispatch(dispatch)
    else if (this.#live()) this.#options.events.resumed()
  }

  #ready({ d, s }: DiscordDispatch): void {
    if (!validateDiscordReady(d)) {
      this.#options.events.bad('ready')
      return
    }
    this.#session = { id: d.session_id, resumeUrl: d.resume_gateway_url, seq: s }
    if (this.#live()) this.#options.events.ready(this.#session, d)
  }

  #live(): boolean {
    if (this.#phase.name !== 'proving') return false
    const { socket, heartbeat } = this.#phase
    this.#enter({ name: 'live', socket, heartbeat })
    return true
  }

  #prove(): void {
    const { token } = this.#options
    const session = this.#session
    if (session === undefined) {
      const properties = { os: process.platform, browser: 'wgrok', device: 'wgrok' }
      this.#send({ op: 2, d: { token, intents: INTENTS, properties } })
    } else {
      this.#send({ op: 6, d: { token, session_id: session.id, seq: session.seq } })
    }
  }

  #beat(due: boolean): void {
    if (!this.#window.take(due)) return
    this.#lastBeatAt = this.#options.clock.now()
    this.#write({ op: 1, d: this.#session?.seq ?? null })
  }

  #send(command: DiscordIdentify | DiscordResume): void {
    this.#window.take(false)
    this.#write(command)
  }

  #write(frame: DiscordIdentify | DiscordResume | DiscordHeartbeat): void {
    if (this.#phase.name === 'opening' || this.#phase.name === 'ended') return
    // A socket that cannot send any more reports its close.
    this.#phase.socket.send(JSON.stringify(frame)).catch(() => {})
  }

  async #open(): Promise<void> {
    const { clock, dial, url } = this.#options
    const phase = this.#phase
    if (phase.name !== 'opening') return
    try {
      const socket = await openSocket(
        url,
        {
          message: text => {
            if (this.#phase.name === 'opening') this.#phase.early.push(text)
            else this.#read(text)
          },
          close: code => {
            this.#end({ how: 'closed', code })
            this.#settled.closed()
          },
        },
        { dial, signal: phase.abort.signal },
      )
      // It may have closed before we heard of its opening.
      if (this.#phase !== phase) {
        socket.terminate()
        return
      }
      const timer = clock.setTimeout(() => this.#end({ how: 'silent', what: 'hello' }, KEEP_SESSION), HELLO_TIMEOUT)
      this.#enter({ name: 'greeting', socket, timer })
      for (const text of phase.early) this.#read(text)
    } catch (error) {
      this.#end({ how: 'refused', error: WgrokError.from(error, 'platform-unavailable') })
      this.#settled.closed()
    }
  }

  #read(text: string): void {
    if (this.#phase.name === 'ended') return
    const { clock, events } = this.#options
    this.#lastFrameAt = clock.now()
    if (this.#stale) {
      this.#stale = false
      events.fresh()
    }
    let frame: unknown
    try {
      frame = JSON.parse(text)
    } catch {
      events.bad('json')
      return
    }
    dispatchDiscordGatewayReceives<void, void>(frame, this, undefined, problem => events.bad(problem))
  }

  #late(): void {
    // Anything that came since the beat shows that the connection works.
    if (this.#phase.name !== 'live' || this.#stale || this.#lastFrameAt > this.#lastBeatAt) return
    this.#stale = true
    this.#options.events.stale(this.#lastFrameAt)
  }

  #end(ending: Ending, closeCode?: number): void {
    const phase = this.#phase
    if (phase.name === 'ended') return
    this.#enter({ name: 'ended' })
    if (phase.name === 'opening') phase.abort.abort()
    else if (closeCode !== undefined) this.#hangUp(phase.socket, closeCode)
    this.#settled.ended(ending)
  }

  #hangUp(socket: Socket, code: number): void {
    socket.close(code)
    const timer = this.#options.clock.setTimeout(() => socket.terminate(), CLOSE_TIMEOUT)
    void this.closed.then(() => timer.cancel())
  }

  /** The one place where the phase changes. */
  #enter(next: Phase): void {
    const left = this.#phase
    this.#phase = next
    if ('timer' in left) left.timer.cancel()
    if ('heartbeat' in left && !('heartbeat' in next && next.heartbeat === left.heartbeat)) left.heartbeat.stop()
  }
}
