import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node'
import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { NatsCalls } from './nats-calls.js'

/** How long a router may be silent about a message before another one gets it, in ms. */
export const ACK_WAIT = 10_000
/** How often a message under way is held on to, in ms. */
const WORKING_INTERVAL = ACK_WAIT / 3
/** How long one ask for a message waits at the server, in ms. */
const ASK = 1_000
/** How much longer than that its answer may take, in ms. */
const ANSWER = 2_000
const ASK_BODY = JSON.stringify({ batch: 1, expires: ASK * 1_000_000 })

/** A message that the server has given out to us. The server hears that it is worked on until it is settled. */
export class Taken {
  readonly #connection: NatsConnection
  readonly #clock: Clock
  readonly #message: Msg
  #timer: Timer | undefined
  #lent = false
  #settled = false

  constructor(connection: NatsConnection, clock: Clock, message: Msg) {
    this.#connection = connection
    this.#clock = clock
    this.#message = message
    this.#renew()
  }

  /** Where the server hears about it. */
  get reply(): string {
    return this.#message.reply ?? ''
  }

  /** How often it was given out before. */
  get redelivered(): number {
    return Number(this.#place.at(-5)) - 1
  }

  /** Its place in the stream. */
  get seq(): number {
    return Number(this.#place.at(-4))
  }

  get consumer(): string {
    return this.#place.at(-6) ?? ''
  }

  json<T>(): T {
    return this.#message.json<T>()
  }

  /** Somebody works on it now. False when it has been given back in the meantime. */
  lend(): boolean {
    this.#lent = true
    return !this.#settled
  }

  /** The server need not hear about it any more. */
  settle(): void {
    this.#settled = true
    this.#timer?.cancel()
  }

  /** Whoever asks next gets it. */
  giveBack(): void {
    if (this.#settled) return
    this.settle()
    this.say('-NAK')
  }

  /** Tells the server, unless the connection is being closed. */
  say(text: string): void {
    try {
      this.#connection.publish(this.reply, text)
    } catch {
      // The server gives it out again when it hears nothing.
    }
  }

  /** `$JS.ACK.…<given out>.<seq>.<seq of consumer>.<time>.<waiting>`, newer servers with a token after it. */
  get #place(): readonly string[] {
    const tokens = this.reply.split('.')
    return tokens.length === 9 ? tokens : tokens.slice(0, -1)
  }

  #renew(): void {
    this.#timer = this.#clock.setTimeout(
      () => {
        // Nobody came for it, because the lane is held: others may have it.
        if (!this.#lent) {
          this.giveBack()
          return
        }
        this.say('+WPI')
        this.#renew()
      },
      WORKING_INTERVAL,
      { unref: true },
    )
  }
}

/** Options of a {@link NatsLane}. */
export interface NatsLaneOptions {
  readonly connection: NatsConnection
  readonly calls: NatsCalls
  readonly clock: Clock
  /** Subject that takes asks for the lane's next message. */
  readonly asks: string
  /** Prefix of subjects for the answers; nobody else's. */
  readonly inbox: string
  /** Tells the server that a message is done until it has heard it. */
  readonly confirm: (taken: Taken) => Promise<void>
}

/**
 * Takes the messages of one lane. Over all routers one of them is out at a time, so that one message to the server says
 * that it is done and asks for the next one; any answer proves that the server has heard it.
 */
export class NatsLane {
  readonly #options: NatsLaneOptions
  readonly #answers: Subscription
  /** Number of the last ask. Its answer is awaited while there is a timer. */
  #asked = 0
  #timer: Timer | undefined
  /** Done, without a proof yet that the server knows. */
  #unproven: Taken | undefined
  /** Came before anybody took it. */
  #arrived: Taken | undefined
  #taker: { resolve(taken: Taken | undefined): void; reject(error: WgrokError): void } | undefined
  #closed = false

  constructor(options: NatsLaneOptions) {
    this.#options = options
    const callback = (_: unknown, message: Msg): void => this.#hear(message)
    this.#answers = options.connection.subscribe(`${options.inbox}.*`, { callback })
  }

  /** Whether nothing is under way. */
  get idle(): boolean {
    return this.#timer === undefined && this.#unproven === undefined && this.#arrived === undefined
  }

  /**
   * The next message; undefined when there is none for us in a second.
   *
   * @throws WgrokError `platform-unavailable` when the server does not answer, or does not know the lane any more.
   */
  take(): Promise<Taken | undefined> {
    const arrived = this.#arrived
    this.#arrived = undefined
    if (arrived?.lend() === true) return Promise.resolve(arrived)
    if (this.#closed) return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject }
      if (this.#timer === undefined && this.#unproven === undefined) this.#ask(this.#options.asks, ASK_BODY)
    })
  }

  /** Says that a message is done, and asks for the next one. */
  done(taken: Taken): void {
    if (this.#closed || this.#timer !== undefined || this.#unproven !== undefined) {
      void this.#options.confirm(taken)
      return
    }
    this.#unproven = taken
    this.#ask(taken.reply, `+NXT ${ASK_BODY}`)
  }

  /** What is here for nobody goes back to the server. Idempotent. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#arrived?.giveBack()
    this.#prove()
    this.#answer(undefined)
  }

  /** Nothing comes any more. Only when it is {@link idle}: what comes late would be missed. */
  drop(): void {
    this.close()
    this.#answers.unsubscribe()
  }

  #ask(subject: string, body: string): void {
    const { calls, clock, inbox } = this.#options
    this.#timer = clock.setTimeout(() => this.#fail('does not answer'), ASK + ANSWER)
    calls.send(subject, body, { reply: `${inbox}.${++this.#asked}` })
  }

  #hear(message: Msg): void {
    // Only what can be acknowledged is a message; the rest says why there is none.
    if ((message.reply ?? '') !== '') {
      this.#receive(message)
      return
    }
    if (this.#timer === undefined || !message.subject.endsWith(`.${this.#asked}`)) return
    const { code, description } = message.headers ?? { code: 503, description: '' }
    if (code === 503 || /deleted/i.test(description)) {
      this.#fail('does not know the lane')
      return
    }
    this.#timer.cancel()
    this.#timer = undefined
    this.#prove()
    this.#answer(undefined)
  }

  #receive(message: Msg): void {
    const { clock, connection } = this.#options
    const taken = new Taken(connection, clock, message)
    // Too late, or nobody goes on: somebody else may have it.
    if (this.#closed || this.#timer === undefined) {
      taken.giveBack()
      return
    }
    this.#timer.cancel()
    this.#timer = undefined
    this.#prove()
    if (this.#taker === undefined) this.#arrived = taken
    else if (taken.lend()) this.#answer(taken)
  }

  #fail(what: string): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const unproven = this.#unproven
    if (unproven === undefined) {
      this.#taker?.reject(new WgrokError('platform-unavailable', `NATS ${what}`))
      this.#taker = undefined
      return
    }
    void this.#options.confirm(unproven).then(() => {
      this.#prove()
      this.#answer(undefined)
    })
  }

  #prove(): void {
    this.#unproven?.settle()
    this.#unproven = undefined
  }

  #answer(taken: Taken | undefined): void {
    this.#taker?.resolve(taken)
    this.#taker = undefined
  }
}
