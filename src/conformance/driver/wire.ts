import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { validateBridgeEnvelope } from '../../../generated/validators.js'
import { explain } from '../../validate.js'

/** How often a script looks whether something came, in ms. */
const LOOK_MS = 2

/** One line of a case's log. */
export type WireLog = (direction: '>' | '<', text: string) => void

/** One connection of a script, the testee on its other side. */
export class Wire {
  readonly #socket: WebSocket
  readonly #patience: number
  readonly #frames: string[] = []
  readonly #log: WireLog
  #code: number | undefined

  /** @param patience how long to wait for a frame or a close, in ms */
  constructor(socket: WebSocket, patience: number, log: WireLog) {
    this.#socket = socket
    this.#patience = patience
    this.#log = log
    socket.on('error', () => {})
    socket.on('message', data => {
      log('<', String(data))
      this.#frames.push(String(data))
    })
    socket.on('close', code => {
      log('<', `closed with ${code}`)
      this.#code = code
    })
  }

  send(text: string): void {
    this.#log('>', text)
    this.#socket.send(text)
  }

  /** The next frame. @throws Error when none comes, and when it is none of the protocol. */
  async next(): Promise<unknown> {
    const text = await this.#until(() => this.#frames.shift(), 'no frame came')
    let frame: unknown
    try {
      frame = JSON.parse(text)
    } catch {
      throw new Error('the testee sent a frame that is not JSON')
    }
    if (!validateBridgeEnvelope(frame)) {
      const [problem] = explain(validateBridgeEnvelope.errors, frame)
      throw new Error(`the testee sent an invalid frame: ${problem?.pointer} is not ${problem?.expected}`)
    }
    return frame
  }

  closed(): Promise<number> {
    return this.#until(() => this.#code, 'it was not closed')
  }

  /** @throws Error when something comes within `ms` */
  async silence(ms: number): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, ms))
    if (this.#frames.length > 0) throw new Error(`came ${this.#frames[0]?.slice(0, 200)}`)
    if (this.#code !== undefined) throw new Error('it was closed')
  }

  /** Says goodbye, and waits for the other side's. */
  async leave(): Promise<void> {
    this.#log('>', 'close')
    this.#socket.close(1000)
    await this.closed()
  }

  /** Is gone at once, as when a cable is pulled. */
  drop(): void {
    this.#log('>', 'drop')
    this.#socket.terminate()
  }

  async #until<T>(look: () => T | undefined, problem: string): Promise<T> {
    const found = await poll(look, this.#patience)
    if (found === undefined) throw new Error(problem)
    return found
  }
}

/** A refused connection. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number) {
    super(`refused with ${status}`)
    this.status = status
  }
}

/** Opens connections to whatever is under test. */
export type Opener = (who: string) => Promise<Wire>

/** Connects to a bridge server as `platform:token`. @throws Refused */
export function connectTo(url: string, patience: number, log: WireLog): Opener {
  return who => {
    const colon = who.indexOf(':')
    const token = who.slice(colon + 1)
    const socket = new WebSocket(`${url}/bridge/v1/${who.slice(0, colon)}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      handshakeTimeout: patience,
    })
    const wire = new Wire(socket, patience, log)
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(wire))
      socket.once('error', () => reject(new Error('no connection')))
      socket.once('unexpected-response', (request, response) => {
        request.destroy()
        reject(new Refused(response.statusCode ?? 0))
      })
    })
  }
}

/** Accepts the connections of a bridge client, on a loopback port. */
export async function acceptFrom(
  patience: number,
  log: WireLog,
): Promise<{ readonly url: string; readonly accept: Opener; readonly close: () => void }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const wires: Wire[] = []
  server.on('connection', socket => wires.push(new Wire(socket, patience, log)))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accept: async () => {
      const wire = await poll(() => wires.shift(), patience)
      if (wire === undefined) throw new Error('nobody connected')
      return wire
    },
    close: () => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    },
  }
}

async function poll<T>(look: () => T | undefined, patience: number): Promise<T | undefined> {
  for (const end = Date.now() + patience; ; ) {
    const found = look()
    if (found !== undefined || Date.now() > end) return found
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}
