import type { Clock, Timer } from '../clock.js'

/** Options of {@link Heartbeat}. */
export interface HeartbeatOptions {
  readonly clock: Clock
  /** Milliseconds of silence after which a ping is sent. */
  readonly pingInterval: number
  /** Milliseconds that the ping may stay unanswered. */
  readonly pongTimeout: number
  ping(): void
  /** Nothing came for `pingInterval + pongTimeout`. Called once; `lastHeardAt` is the time of the last frame. */
  dead(lastHeardAt: number): void
}

/** Finds connections that died in silence. One timer, not touched by traffic. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #heardAt: number
  #timer: Timer | undefined

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#heardAt = options.clock.now()
    this.#wait(options.pingInterval)
  }

  /** Something came in, whatever it was. */
  heard(): void {
    this.#heardAt = this.#options.clock.now()
  }

  /** Idempotent. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wait(ms: number): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#beat(), ms, { unref: true })
  }

  #beat(): void {
    const { clock, pingInterval, pongTimeout } = this.#options
    const quiet = clock.now() - this.#heardAt
    if (quiet >= pingInterval + pongTimeout) {
      this.stop()
      this.#options.dead(this.#heardAt)
    } else if (quiet < pingInterval) {
      this.#wait(pingInterval - quiet)
    } else {
      this.#options.ping()
      this.#wait(pingInterval + pongTimeout - quiet)
    }
  }
}
