import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

/** One step of a scripted case; see the notes of `tests/cases/bridge_cases.json`. */
export interface Step {
  readonly open?: string
  readonly peer?: string
  readonly send?: unknown
  readonly sendRaw?: string
  readonly expectFrame?: unknown
  readonly expectClose?: number
  readonly expectSilence?: number
  readonly drop?: 'clean' | 'abrupt'
  readonly advance?: number
}

/** How long a step may take, in ms. */
const PATIENCE = 5000

/** The scripted side of a case. */
export class ScriptPeer {
  readonly #connect: (who: string) => Promise<Wire>
  readonly #wires = new Map<string, Wire>()
  readonly #bound = new Map<string, unknown>()
  #last: Wire | undefined

  constructor(connect: (who: string) => Promise<Wire>) {
    this.#connect = connect
  }

  /** Plays all steps. @throws Error that names the step which did not go as scripted. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const [index, step] of steps.entries()) {
      try {
        await this.#step(step)
      } catch (error) {
        throw new Error(`step ${index + 1} ${JSON.stringify(step)}: ${(error as Error).message}`)
      }
    }
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.socket.terminate()
  }

  async #step(step: Step): Promise<void> {
    if (step.open !== undefined) return this.#open(step.open, step.peer ?? 'only', step.expectClose)
    const wire = step.peer === undefined ? this.#last : this.#wires.get(step.peer)
    if (wire === undefined) throw new Error('nothing is open')
    if ('send' in step) wire.socket.send(JSON.stringify(this.#filled(step.send)))
    else if (step.sendRaw !== undefined) wire.socket.send(step.sendRaw)
    else if ('expectFrame' in step) this.#match(await wire.next(), step.expectFrame, '')
    else if (step.expectClose !== undefined) equal(await wire.closed(), step.expectClose)
    else if (step.expectSilence !== undefined) await wire.silence(step.expectSilence)
    else if (step.drop === 'abrupt') wire.socket.terminate()
    else if (step.drop === 'clean') {
      wire.socket.close(1000)
      await wire.closed()
    } else throw new Error('no such step')
  }

  async #open(who: string, name: string, refused: number | undefined): Promise<void> {
    try {
      const wire = await this.#connect(who)
      this.#wires.set(name, wire)
      this.#last = wire
    } catch (error) {
      equal((error as { status?: number }).status ?? String(error), refused)
      return
    }
    if (refused !== undefined) throw new Error('it was let in')
  }

  #filled(value: unknown): unknown {
    if (typeof value === 'string') {
      const name = /^\$\{(\w+)\}$/.exec(value)?.[1]
      return name === undefined ? value : this.#bound.get(name)
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(inner => this.#filled(inner))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#filled(inner)]))
  }

  #match(actual: unknown, expected: unknown, at: string): void {
    if (typeof expected === 'string' && expected.startsWith('${')) {
      this.#matchPattern(actual, expected.slice(2, -1), at)
    } else if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null) {
      if (actual !== expected) throw new Error(`${at || 'the frame'} is ${JSON.stringify(actual)}`)
    } else {
      for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
        this.#match(
          (actual as Record<string, unknown>)[key],
          (expected as Record<string, unknown>)[key],
          `${at}/${key}`,
        )
      }
    }
  }

  #matchPattern(actual: unknown, name: string, at: string): void {
    if (name === '*') return
    if (name.startsWith('~')) {
      const code = name.slice(1)
      if (actual !== code && !String(actual).startsWith(`${code}:`)) throw new Error(`${at} is ${String(actual)}`)
    } else if (this.#bound.has(name)) {
      if (actual !== this.#bound.get(name)) throw new Error(`${at} is another one`)
    } else if (actual === undefined) {
      throw new Error(`${at} is missing`)
    } else {
      this.#bound.set(name, actual)
    }
  }
}

/** One socket of the script. */
export class Wire {
  readonly socket: WebSocket
  readonly #frames: unknown[] = []
  #code: number | undefined

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('message', data => this.#frames.push(JSON.parse(String(data))))
    socket.on('close', code => {
      this.#code = code
    })
  }

  next(): Promise<unknown> {
    return poll(() => (this.#frames.length > 0 ? { value: this.#frames.shift() } : undefined), 'no frame came')
  }

  closed(): Promise<number> {
    return poll(() => (this.#code === undefined ? undefined : { value: this.#code }), 'it was not closed')
  }

  async silence(ms: number): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, ms))
    if (this.#frames.length > 0) throw new Error(`came ${JSON.stringify(this.#frames[0])}`)
    if (this.#code !== undefined) throw new Error('it was closed')
  }
}

/** Connects to a server under test as `platform:token`. */
export function connectTo(url: string): (who: string) => Promise<Wire> {
  return who => {
    const colon = who.indexOf(':')
    const token = who.slice(colon + 1)
    const socket = new WebSocket(`${url}/bridge/v1/${who.slice(0, colon)}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    })
    const wire = new Wire(socket)
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(wire))
      socket.once('unexpected-response', (request, response) => {
        request.destroy()
        reject(Object.assign(new Error('refused'), { status: response.statusCode }))
      })
    })
  }
}

/** Accepts the connections of a client under test. */
export async function acceptFrom(): Promise<{
  url: string
  accept: () => Promise<Wire>
  close: () => void
}> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const wires: Wire[] = []
  server.on('connection', socket => wires.push(new Wire(socket)))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accept: () => poll(() => (wires.length > 0 ? { value: wires.shift() as Wire } : undefined), 'nobody connected'),
    close: () => server.close(),
  }
}

async function poll<T>(what: () => { value: T } | undefined, problem: string): Promise<T> {
  for (const end = Date.now() + PATIENCE; ; ) {
    const found = what()
    if (found !== undefined) return found.value
    if (Date.now() > end) throw new Error(problem)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`it is ${String(actual)}`)
}
