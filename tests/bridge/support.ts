import { afterEach } from 'vitest'
import { WebSocket } from 'ws'
import { BridgeClient, type BridgeClientOptions } from '../../src/bridge/client.js'
import { BridgeServer, type BridgeServerOptions } from '../../src/bridge/server.js'

type Envelope = Record<string, unknown>

const open = new Set<{ close(): unknown }>()

afterEach(async () => {
  await Promise.all([...open].map(one => one.close()))
  open.clear()
})

/** Closes it after the test. */
export function later<T extends { close(): unknown }>(one: T): T {
  open.add(one)
  return one
}

/** A listening server for the platform `agents` with the token `tokA`, unless told otherwise. */
export async function serve(
  options: Partial<BridgeServerOptions> = {},
): Promise<{ server: BridgeServer; url: string }> {
  const server = later(new BridgeServer({ tokens: ['agents:tokA'], port: 0, ...options }))
  const { url } = await server.listen()
  return { server, url }
}

/** A client of ours for `agents`, not connected yet. */
export function client(url: string, options: Partial<BridgeClientOptions> = {}): BridgeClient {
  return later(new BridgeClient({ url, platform: 'agents', token: 'tokA', random: () => 0, ...options }))
}

/** A WebSocket client that knows nothing of this library. */
export class Plain {
  readonly socket: WebSocket
  readonly got: Envelope[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #wanted: ((envelope: Envelope) => void)[] = []
  #read = 0

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('message', data => {
      this.got.push(JSON.parse(String(data)) as Envelope)
      this.#feed()
    })
    this.closed = new Promise(resolve =>
      socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
    )
    later({ close: () => socket.terminate() })
  }

  /** The next envelope that has not been asked for. */
  next(): Promise<Envelope> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no envelope came')), 5000)
      this.#wanted.push(envelope => {
        clearTimeout(timer)
        resolve(envelope)
      })
      this.#feed()
    })
  }

  send(value: unknown): void {
    this.socket.send(typeof value === 'string' ? value : JSON.stringify(value))
  }

  #feed(): void {
    while (this.#wanted.length > 0 && this.#read < this.got.length) {
      this.#wanted.shift()?.(this.got[this.#read++] as Envelope)
    }
  }
}

/** Opens a plain WebSocket; rejects with the status code when the upgrade is refused. */
export function dial(url: string, headers: Record<string, string> = { authorization: 'Bearer tokA' }): Promise<Plain> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers })
    const plain = new Plain(socket)
    socket.once('open', () => resolve(plain))
    socket.once('unexpected-response', (request, response) => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk as Buffer))
      response.on('end', () => {
        request.destroy()
        reject(
          Object.assign(new Error(String(response.statusCode)), {
            status: response.statusCode,
            body: Buffer.concat(chunks).toString(),
          }),
        )
      })
    })
    socket.once('error', reject)
  })
}

/** A plain client that has registered. */
export async function join(url: string, platform = 'agents', token = 'tokA', capabilities?: string[]): Promise<Plain> {
  const plain = await dial(`${url}/bridge/v1/${platform}`, { authorization: `Bearer ${token}` })
  plain.send({ type: 'register', platform, ...(capabilities === undefined ? {} : { capabilities }) })
  await plain.next()
  return plain
}

/** Waits until something is true. */
export async function until(what: () => boolean, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!what()) {
    if (Date.now() > end) throw new Error('it never came true')
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}
