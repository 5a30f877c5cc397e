import { randomUUID } from 'node:crypto'
import type { WebSocket } from 'ws'
import { validateSlackAck } from '../../../generated/validators.js'
import type { Clock, Timer } from '../../clock.js'
import type { EmulatedSlackApp } from './workspace.js'

/** Why Slack asks a client to go. */
export type DisconnectReason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets'

/** How Socket Mode behaves; may be changed at any time. */
export interface SocketBehaviour {
  /** An envelope that is unacked for so long is sent again. Slack: 3,000 ms. */
  ackTimeoutMs: number
  /** How often an event is sent again. Slack: a few times. */
  retries: number
  /** Open sockets per app. Slack: 10. */
  socketsMax: number
  /** Between pings; 0 for none. */
  pingIntervalMs: number
  /** Whether our pings are answered. */
  pongs: boolean
  /** Whether a new socket is greeted. */
  hello: boolean
  /** Every event is sent twice, with the same envelope id and `retry_attempt` 0. */
  duplicate: boolean
  /** How long a socket stays open after `disconnect`, in ms. */
  disconnectAfterMs: number
}

/** An ack as it came in. */
export interface RecordedAck {
  readonly app: string
  readonly envelopeId: string
  readonly payload: unknown
  readonly at: number
}

/** One socket of a client. */
export interface EmulatedSlackSocket {
  readonly app: EmulatedSlackApp
  /** Sends any text as it is. */
  send(text: string): void
  /** Cuts the connection. */
  cut(): void
  readonly open: boolean
}

interface Sent {
  readonly timer: Timer
}

/** Options of {@link Sockets}. */
export interface SocketsOptions {
  readonly clock: Clock
  readonly behaviour: SocketBehaviour
}

/** What is pushed to a client: the type of its envelope and what it carries. */
export interface Push {
  readonly type: 'events_api' | 'slash_commands' | 'interactive'
  readonly payload: Readonly<Record<string, unknown>>
  readonly acceptsResponse: boolean
}

/** The Socket Mode side of Slack: sockets per app, each envelope to one of them, acks, repetitions. */
export class Sockets {
  readonly acks: RecordedAck[] = []
  /** Envelopes sent, repetitions included. */
  sent = 0
  /** Events that were given up, by event id. */
  readonly lost: string[] = []
  readonly #clock: Clock
  readonly #behaviour: SocketBehaviour
  readonly #tickets = new Map<string, EmulatedSlackApp>()
  readonly #open = new Map<EmulatedSlackApp, Connected[]>()
  readonly #unacked = new Map<string, Sent>()
  readonly #timers = new Set<Timer>()
  #turn = 0
  #closed = false

  constructor({ clock, behaviour }: SocketsOptions) {
    this.#clock = clock
    this.#behaviour = behaviour
  }

  /** Envelopes that wait for an ack or for their repetition. */
  get waiting(): number {
    return this.#unacked.size
  }

  ticket(app: EmulatedSlackApp): string {
    const ticket = randomUUID()
    this.#tickets.set(ticket, app)
    return ticket
  }

  /** The app of a ticket, which is good once. */
  redeem(ticket: string): EmulatedSlackApp | undefined {
    const app = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    return app
  }

  /** Open sockets of one app, or of all. */
  of(app?: EmulatedSlackApp): readonly EmulatedSlackSocket[] {
    return app === undefined ? [...this.#open.values()].flat() : (this.#open.get(app) ?? [])
  }

  accept(app: EmulatedSlackApp, socket: WebSocket): void {
    const open = this.#open.get(app) ?? []
    this.#open.set(app, open)
    const connected = new Connected(app, socket, this.#behaviour)
    socket.on('error', () => {})
    socket.on('message', data => this.#acked(app, String(data)))
    if (open.length >= this.#behaviour.socketsMax) {
      this.#dismiss(connected, 'too_many_websockets', 0)
      return
    }
    open.push(connected)
    const stop = this.#pingOn(connected)
    socket.on('close', () => {
      open.splice(open.indexOf(connected), 1)
      stop()
    })
    if (this.#behaviour.hello) connected.send(JSON.stringify(hello(app, open.length)))
  }

  /** Asks sockets to go, and closes them a while later. */
  disconnect(reason: DisconnectReason, sockets: readonly EmulatedSlackSocket[]): void {
    for (const socket of sockets) this.#dismiss(socket as Connected, reason, this.#behaviour.disconnectAfterMs)
  }

  /** Sends an envelope to the next socket in turn; events are repeated until they are acked. */
  push(app: EmulatedSlackApp, push: Push): void {
    this.#attempt(app, push, 0)
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    for (const { timer } of this.#unacked.values()) timer.cancel()
    this.#unacked.clear()
    for (const socket of this.of()) socket.cut()
  }

  #attempt(app: EmulatedSlackApp, push: Push, attempt: number): void {
    if (this.#closed) return
    const { ackTimeoutMs, duplicate } = this.#behaviour
    const id = randomUUID()
    const timer = this.#clock.setTimeout(() => {
      this.#unacked.delete(id)
      this.#unanswered(app, push, attempt)
    }, ackTimeoutMs)
    this.#unacked.set(id, { timer })
    const open = (this.#open.get(app) ?? []).filter(socket => socket.open)
    const socket = open[this.#turn++ % Math.max(open.length, 1)]
    if (socket === undefined) return
    this.sent++
    const text = JSON.stringify(envelope(id, push, attempt))
    socket.send(text)
    if (duplicate && attempt === 0) socket.send(text)
  }

  #unanswered(app: EmulatedSlackApp, push: Push, attempt: number): void {
    // Commands and buttons are told the user as failed.
    if (push.type === 'events_api' && attempt < this.#behaviour.retries) this.#attempt(app, push, attempt + 1)
    else this.lost.push(String(push.payload['event_id'] ?? push.type))
  }

  #acked(app: EmulatedSlackApp, text: string): void {
    const ack: unknown = JSON.parse(text)
    if (!validateSlackAck(ack)) return
    this.acks.push({ app: app.name, envelopeId: ack.envelope_id, payload: ack.payload, at: this.#clock.now() })
    this.#unacked.get(ack.envelope_id)?.timer.cancel()
    this.#unacked.delete(ack.envelope_id)
  }

  #dismiss(socket: Connected, reason: DisconnectReason, after: number): void {
    socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'emulated' } }))
    this.#later(after, () => socket.end())
  }

  #pingOn(socket: Connected): () => void {
    let timer: Timer | undefined
    const next = (): void => {
      const { pingIntervalMs } = this.#behaviour
      if (pingIntervalMs <= 0) return
      timer = this.#clock.setTimeout(() => {
        socket.ping()
        next()
      }, pingIntervalMs)
    }
    next()
    return () => timer?.cancel()
  }

  #later(ms: number, fn: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, ms)
    this.#timers.add(timer)
  }
}

class Connected implements EmulatedSlackSocket {
  readonly app: EmulatedSlackApp
  readonly #socket: WebSocket
  readonly #behaviour: SocketBehaviour

  constructor(app: EmulatedSlackApp, socket: WebSocket, behaviour: SocketBehaviour) {
    this.app = app
    this.#socket = socket
    this.#behaviour = behaviour
    const pong = socket.pong.bind(socket)
    // The library answers pings by this very method.
    socket.pong = (...args: Parameters<typeof pong>) => {
      if (this.#behaviour.pongs) pong(...args)
    }
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  send(text: string): void {
    this.#socket.send(text, () => {})
  }

  ping(): void {
    if (this.open && this.#behaviour.pingIntervalMs > 0) this.#socket.ping()
  }

  end(): void {
    this.#socket.close(1000)
  }

  cut(): void {
    this.#socket.terminate()
  }
}

function hello(app: EmulatedSlackApp, connections: number): object {
  return {
    type: 'hello',
    num_connections: connections,
    debug_info: { host: 'applink-emulated', build_number: 10, approximate_connection_time: 18_060 },
    connection_info: { app_id: app.appId },
  }
}

function envelope(id: string, push: Push, attempt: number): object {
  const { type, payload, acceptsResponse } = push
  const retries = type === 'events_api' ? { retry_attempt: attempt, retry_reason: attempt === 0 ? '' : 'timeout' } : {}
  return { envelope_id: id, type, accepts_response_payload: acceptsResponse, ...retries, payload }
}
