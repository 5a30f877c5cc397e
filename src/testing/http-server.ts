import http from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

/** One request, with its body read. */
export interface EmulatedRequest {
  readonly method: string
  /** Path without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
}

/** What an emulator answers; `drop` cuts the connection without an answer. */
export type EmulatedResponse =
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly json?: unknown
      readonly text?: string
    }
  | 'drop'

/** What an emulator does with requests and WebSocket handshakes. */
export interface EmulatorHandlers {
  request(request: EmulatedRequest): EmulatedResponse | Promise<EmulatedResponse>
  /** Returns how to go on with a handshake: refuse it with a status, or take the socket. */
  upgrade?(
    request: Omit<EmulatedRequest, 'body'>,
  ): { readonly refuse: number } | { readonly accept: (socket: WebSocket) => void }
}

/** A server on loopback that an emulator answers with. */
export interface EmulatorServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  /** `ws://127.0.0.1:<port>` */
  readonly socketUrl: string
  /** Drops every connection at once, as an outage does; the server goes on listening. */
  dropConnections(): void
  /** Stops listening and drops every connection. Idempotent. */
  close(): Promise<void>
}

/** Starts an HTTP and WebSocket server on 127.0.0.1. @param port default 0: a free one */
export async function startEmulatorServer(handlers: EmulatorHandlers, port = 0): Promise<EmulatorServer> {
  const sockets = new Set<Socket>()
  const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const server = http.createServer((request, response) => void answer(handlers, request, response))
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request, socket: Duplex, head) => {
    const verdict = handlers.upgrade?.(describe(request)) ?? { refuse: 404 }
    if ('refuse' in verdict) {
      socket.end(
        `HTTP/1.1 ${verdict.refuse} ${http.STATUS_CODES[verdict.refuse] ?? ''}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      )
      return
    }
    webSockets.handleUpgrade(request, socket, head, verdict.accept)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = (server.address() as AddressInfo).port
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  let closing: Promise<void> | undefined
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    socketUrl: `ws://127.0.0.1:${bound}`,
    dropConnections,
    close: () => {
      closing ??= new Promise<void>(resolve => {
        server.close(() => resolve())
        dropConnections()
      })
      return closing
    },
  }
}

async function answer(
  handlers: EmulatorHandlers,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answered = await handlers.request({ ...describe(request), body: Buffer.concat(chunks) })
    if (answered === 'drop') return void request.socket.destroy()
    const text = answered.json === undefined ? (answered.text ?? '') : JSON.stringify(answered.json)
    const type = answered.json === undefined ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8'
    response.writeHead(answered.status, { 'content-type': type, ...answered.headers })
    response.end(text)
  } catch {
    // The client went away, or the emulator has a defect: either way the client sees a cut connection.
    request.socket.destroy()
  }
}

function describe(request: http.IncomingMessage): Omit<EmulatedRequest, 'body'> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  return { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, headers: request.headers }
}
