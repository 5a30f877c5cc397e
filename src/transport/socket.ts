import { WebSocket } from 'ws'
import { WgrokError } from '../errors.js'
import type { Dial } from './dial.js'
import { retryAfter } from './http.js'

/** What a socket reports. Handlers are attached before the handshake, so that no early frame is lost. */
export interface SocketHandlers {
  /** A text frame. Binary frames close the socket with 1003. */
  message(text: string): void
  /** Once, whatever ended it: the peer, `close`, `terminate` or an error (1006). Not called when opening fails. */
  close(code: number, reason: string): void
  ping?(): void
  pong?(): void
}

/** Options of {@link openSocket}. */
export interface SocketOptions {
  readonly dial: Dial
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Largest frame in bytes. Default 16 MiB: platforms batch. */
  readonly maxPayload?: number
  /** Time for the handshake in ms. Default 30,000. */
  readonly handshakeTimeoutMs?: number
}

/** An open WebSocket. */
export interface Socket {
  /** Resolves when the frame is handed to the system. @throws WgrokError `connection-lost`. */
  send(text: string): Promise<void>
  ping(): void
  close(code: number, reason?: string): void
  /** Drops the connection without a handshake. */
  terminate(): void
  /** Bytes that wait to be sent. */
  readonly buffered: number
}

const PAYLOAD_MAX = 16 * 1024 * 1024
const HANDSHAKE_TIMEOUT = 30_000

/**
 * Opens a WebSocket to a platform.
 *
 * @throws WgrokError when the handshake is refused (401 `auth-failed`, 403 `forbidden`, 404 `target-not-found`,
 * 429 `rate-limited`, else `platform-unavailable`), times out, is aborted, or the connection fails.
 */
export function openSocket(url: string, handlers: SocketHandlers, options: SocketOptions): Promise<Socket> {
  const { dial, headers, signal, maxPayload = PAYLOAD_MAX, handshakeTimeoutMs = HANDSHAKE_TIMEOUT } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(new WgrokError('aborted', 'connecting was called off'))
    let socket: WebSocket
    try {
      socket = new WebSocket(url, {
        headers: { ...headers },
        maxPayload,
        handshakeTimeout: handshakeTimeoutMs,
        perMessageDeflate: false,
        followRedirects: false,
        createConnection: ((target: Record<string, unknown>, done: (error: Error | null, socket?: unknown) => void) => {
          const secure = url.startsWith('wss:')
          dial(
            {
              host: String(target['host']),
              port: Number(target['port']),
              secure,
              ...(secure ? { alpn: ['http/1.1'] } : {}),
            },
            signal,
          ).then(
            connected => done(null, connected),
            error => done(error),
          )
        }) as never,
      })
    } catch (error) {
      return reject(new WgrokError('target-invalid', 'the socket URL is malformed', { cause: error }))
    }
    let opened = false
    let failure: WgrokError | undefined
    const abort = (): void => {
      failure ??= new WgrokError('aborted', 'connecting was called off')
      socket.terminate()
    }
    signal?.addEventListener('abort', abort, { once: true })
    socket.on('unexpected-response', (_request, response) => {
      failure ??= refused(response.statusCode ?? 0, response.headers['retry-after'])
      socket.terminate()
    })
    socket.on('open', () => {
      opened = true
      signal?.removeEventListener('abort', abort)
      resolve(wrap(socket))
    })
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (binary) return socket.close(1003, 'text only')
      handlers.message(data.toString('utf8'))
    })
    if (handlers.ping !== undefined) socket.on('ping', () => handlers.ping?.())
    if (handlers.pong !== undefined) socket.on('pong', () => handlers.pong?.())
    // 'close' follows every error.
    socket.on('error', error => {
      failure ??= handshakeError(error)
    })
    socket.on('close', (code, reason) => {
      signal?.removeEventListener('abort', abort)
      if (opened) handlers.close(code, reason.toString('utf8'))
      else reject(failure ?? new WgrokError('platform-unavailable', 'the connection closed during the handshake'))
    })
  })
}

function wrap(socket: WebSocket): Socket {
  return {
    send: text =>
      new Promise((resolve, reject) => {
        if (socket.readyState !== WebSocket.OPEN)
          return reject(new WgrokError('connection-lost', 'the socket is closed'))
        socket.send(text, error => {
          if (error === undefined || error === null) resolve()
          else reject(new WgrokError('connection-lost', 'the socket closed while sending', { cause: error }))
        })
      }),
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping()
    },
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
    get buffered() {
      return socket.bufferedAmount
    },
  }
}

function refused(status: number, wait: string | undefined): WgrokError {
  const detail = `the handshake was answered with ${status}`
  if (status === 401) return new WgrokError('auth-failed', detail)
  if (status === 403) return new WgrokError('forbidden', detail)
  if (status === 404) return new WgrokError('target-not-found', detail)
  if (status === 429) return new WgrokError('rate-limited', detail, { retryAfterMs: retryAfter(wait) })
  return new WgrokError('platform-unavailable', detail)
}

function handshakeError(error: Error): WgrokError {
  if (error.message.includes('handshake has timed out')) {
    return new WgrokError('timeout', 'the handshake took too long', { cause: error })
  }
  return WgrokError.from(error, 'platform-unavailable')
}
