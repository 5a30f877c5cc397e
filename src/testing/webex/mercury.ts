import { randomUUID } from 'node:crypto'
import type { WebSocket } from 'ws'
import type { Clock, Timer } from '../../clock.js'
import type { EmulatedWebexAccount } from './world.js'

/** A registered device. */
export interface EmulatedWebexDevice {
  readonly id: string
  readonly url: string
  readonly webSocketUrl: string
  readonly account: EmulatedWebexAccount
  name: string
  modified: number
}

/** How the sockets behave. */
export interface MercuryBehaviour {
  /** Whether pings are answered, or with another id. */
  pongs: boolean | 'wrong'
  /** Whether sockets become ready. */
  ready: boolean
  /** Healthy sockets on which nothing happens, as in the wrong region. */
  deaf: boolean
  /** Every activity comes twice. */
  duplicate: boolean
  /** How many sockets have shown the right token. */
  authorized: number
  /** The next so many activities are lost; the sequence number counts on. */
  loseNext: number
}

/** One socket. */
export interface EmulatedMercurySocket {
  readonly device: EmulatedWebexDevice
  readonly acks: string[]
  readonly pings: number
  /** Sends a frame as it is. */
  send(frame: Readonly<Record<string, unknown>>): void
  close(code: number, reason?: string): void
  /** Cuts the connection. */
  cut(): void
  /** Announces the end; the socket is closed with 4001 once its successor is ready. */
  shutdown(): void
}

/** Options of {@link Mercury}. */
export interface MercuryOptions {
  readonly clock: Clock
  readonly behaviour: MercuryBehaviour
}

/** How long a socket may take to authorize, in ms. */
const AUTHORIZE_WITHIN = 30_000

/** The event side of the emulated cloud. */
export class Mercury {
  readonly #options: MercuryOptions
  readonly #sockets = new Set<MercurySocket>()

  constructor(options: MercuryOptions) {
    this.#options = options
  }

  /** Sockets that are authorized. */
  get sockets(): readonly EmulatedMercurySocket[] {
    return [...this.#sockets].filter(socket => socket.authorized)
  }

  /** Takes a socket of a device. One that was there is replaced. */
  accept(webSocket: WebSocket, device: EmulatedWebexDevice): void {
    const socket = new MercurySocket(webSocket, device, this.#options, () => {
      for (const other of this.#sockets) if (other !== socket && other.device === device) other.superseded()
    })
    this.#sockets.add(socket)
    webSocket.on('close', () => this.#sockets.delete(socket))
  }

  /** Sends an activity to every socket of an account. */
  publish(account: EmulatedWebexAccount, activity: Readonly<Record<string, unknown>>): void {
    const { behaviour } = this.#options
    if (behaviour.deaf) return
    for (const socket of this.#sockets) {
      if (socket.device.account !== account || !socket.authorized) continue
      if (behaviour.loseNext > 0) {
        behaviour.loseNext--
        socket.skip()
        continue
      }
      const data = { eventType: 'conversation.activity', activity }
      socket.send({ data })
      if (behaviour.duplicate) socket.send({ data })
    }
  }
}

class MercurySocket implements EmulatedMercurySocket {
  readonly device: EmulatedWebexDevice
  readonly acks: string[] = []
  pings = 0
  authorized = false
  readonly #socket: WebSocket
  readonly #options: MercuryOptions
  readonly #timer: Timer
  readonly #ready: () => void
  #sequence = 0
  #leaving = false

  constructor(socket: WebSocket, device: EmulatedWebexDevice, options: MercuryOptions, ready: () => void) {
    this.#ready = ready
    this.device = device
    this.#socket = socket
    this.#options = options
    this.#timer = options.clock.setTimeout(() => this.close(4401, 'authorization timeout'), AUTHORIZE_WITHIN, {
      unref: true,
    })
    socket.on('close', () => this.#timer.cancel())
    socket.on('error', () => {})
    socket.on('message', data => this.#heard(JSON.parse(data.toString())))
  }

  send(frame: Readonly<Record<string, unknown>>): void {
    this.#sequence++
    this.#socket.send(JSON.stringify({ id: randomUUID(), sequenceNumber: this.#sequence, ...frame }))
  }

  /** Counts a frame that is never sent. */
  skip(): void {
    this.#sequence++
  }

  close(code: number, reason = ''): void {
    // 1005 stands for a close without a code.
    if (code === 1005) this.#socket.close()
    else this.#socket.close(code, reason)
  }

  cut(): void {
    this.#socket.terminate()
  }

  shutdown(): void {
    this.#leaving = true
    this.#socket.send(JSON.stringify({ id: randomUUID(), type: 'shutdown' }))
  }

  /** Another socket of the device is ready. */
  superseded(): void {
    this.authorized = false
    if (this.#leaving) this.close(4001, 'replaced during shutdown')
    else this.close(4000, 'replaced')
  }

  #authorize(granted: boolean): void {
    if (!granted) {
      this.close(4401, 'not authorized')
      return
    }
    this.#options.behaviour.authorized++
    if (this.#options.behaviour.ready) {
      this.authorized = true
      this.send({ data: { eventType: 'mercury.buffer_state' } })
      this.#ready()
    }
  }

  #heard(frame: {
    readonly type?: string
    readonly id?: string
    readonly messageId?: string
    readonly data?: { readonly token?: string }
  }): void {
    const { behaviour } = this.#options
    if (frame.type === 'authorization') {
      this.#timer.cancel()
      this.#authorize(frame.data?.token === `Bearer ${this.device.account.token}`)
    } else if (frame.type === 'ack') {
      this.acks.push(String(frame.messageId))
    } else if (frame.type === 'ping') {
      this.pings++
      const id = behaviour.pongs === 'wrong' ? randomUUID() : frame.id
      if (behaviour.pongs !== false) this.#socket.send(JSON.stringify({ id, type: 'pong' }))
    }
  }
}
