import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { WgrokError } from '../errors.js'

/** Where to connect to. */
export interface DialTarget {
  readonly host: string
  readonly port: number
  /** TLS to the target itself, through the proxy where there is one. */
  readonly secure: boolean
  /** ALPN names to offer with TLS, e.g. `['http/1.1']`. Default none. */
  readonly alpn?: readonly string[]
}

/** TLS settings of the target: a private CA, a client certificate. Certificates are always checked unless `rejectUnauthorized` is false. */
export type DialTls = Pick<tls.ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'>

/** Options of {@link createDial}. */
export interface DialOptions {
  /** `http://`, `https://`, `socks5://` (the proxy resolves names) or `socks5h://`, with credentials in the URL. */
  readonly proxy?: string
  readonly tls?: DialTls
  /** How long a connection may take to be ready, in ms. Default 30,000. */
  readonly timeoutMs?: number
}

/** Opens one TCP or TLS connection; the socket is ready for use when the promise resolves. */
export type Dial = (target: DialTarget, signal?: AbortSignal) => Promise<net.Socket>

const DIAL_TIMEOUT = 30_000

/**
 * The one way out: every REST call, WebSocket and IRC connection of a transport goes through the function that this
 * returns, so that a proxy is configured once and fails alike everywhere.
 *
 * @throws WgrokError `config-invalid` for a proxy URL of another kind; the returned function rejects with `auth-failed`
 * when the proxy refuses the credentials (407), and with `platform-unavailable` or `timeout` otherwise.
 */
export function createDial(options: DialOptions = {}): Dial {
  const through = proxyConnect(options.proxy)
  const timeoutMs = options.timeoutMs ?? DIAL_TIMEOUT
  return async (target, signal) => {
    const limit = AbortSignal.timeout(timeoutMs)
    const both = signal === undefined ? limit : AbortSignal.any([limit, signal])
    let socket: net.Socket | undefined
    try {
      socket = await through(target, both)
      if (target.secure) socket = await secure(socket, target, options.tls ?? {}, both)
      return socket
    } catch (error) {
      socket?.destroy()
      if (error instanceof WgrokError) throw error
      if (signal?.aborted === true) throw new WgrokError('aborted', 'connecting was called off', { cause: error })
      if (limit.aborted) throw new WgrokError('timeout', `no connection within ${timeoutMs} ms`, { cause: error })
      throw WgrokError.from(error, 'platform-unavailable')
    }
  }
}

type Connect = (target: DialTarget, signal: AbortSignal) => Promise<net.Socket>

function proxyConnect(proxy: string | undefined): Connect {
  if (proxy === undefined) return direct
  const url = URL.canParse(proxy) ? new URL(proxy) : undefined
  switch (url?.protocol) {
    case 'http:':
    case 'https:':
      return (target, signal) => tunnel(url, target, signal)
    case 'socks5:':
    case 'socks5h:':
      return (target, signal) => socks(url, target, signal)
    default:
      throw new WgrokError('config-invalid', 'WGROK_PROXY must be an http, https or socks5 URL')
  }
}

function direct(target: DialTarget, signal: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ host: target.host, port: target.port, noDelay: true })
  return ready(socket, 'connect', signal)
}

/** HTTP CONNECT, RFC 9110 section 9.3.6. */
function tunnel(proxy: URL, target: DialTarget, signal: AbortSignal): Promise<net.Socket> {
  const authority = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`
  const request = (proxy.protocol === 'https:' ? https : http).request({
    host: proxy.hostname,
    port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...basicAuth(proxy) },
    agent: false,
    signal,
  })
  return new Promise((resolve, reject) => {
    request.once('connect', (response, socket, head) => {
      if (response.statusCode === 200) {
        if (head.length > 0) socket.unshift(head)
        return resolve(socket)
      }
      socket.destroy()
      reject(refusal(response.statusCode ?? 0))
    })
    // A proxy that refuses may answer with an ordinary response.
    request.once('response', response => {
      response.destroy()
      reject(refusal(response.statusCode ?? 0))
    })
    request.once('error', reject)
    request.end()
  })
}

function basicAuth(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {}
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}

function refusal(status: number): WgrokError {
  if (status === 407) return new WgrokError('auth-failed', 'the proxy refused the credentials (407)')
  return new WgrokError('platform-unavailable', `the proxy answered CONNECT with ${status}`)
}

/** SOCKS5, RFC 1928 and 1929. Names are resolved by the proxy. */
async function socks(proxy: URL, target: DialTarget, signal: AbortSignal): Promise<net.Socket> {
  const { SocksClient } = await import('socks')
  signal.throwIfAborted()
  const first = net.connect({
    host: proxy.hostname,
    port: proxy.port === '' ? 1080 : Number(proxy.port),
    noDelay: true,
  })
  await ready(first, 'connect', signal)
  const abort = (): void => void first.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      existing_socket: first,
      proxy: {
        host: proxy.hostname,
        port: proxy.port === '' ? 1080 : Number(proxy.port),
        type: 5,
        ...(proxy.username === ''
          ? {}
          : { userId: decodeURIComponent(proxy.username), password: decodeURIComponent(proxy.password) }),
      },
      destination: { host: target.host, port: target.port },
    })
    return socket
  } catch (error) {
    first.destroy()
    signal.throwIfAborted()
    const auth = error instanceof Error && /authentication/i.test(error.message)
    throw auth
      ? new WgrokError('auth-failed', 'the proxy refused the credentials', { cause: error })
      : new WgrokError('platform-unavailable', 'the SOCKS proxy could not connect', { cause: error })
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function secure(socket: net.Socket, target: DialTarget, options: DialTls, signal: AbortSignal): Promise<net.Socket> {
  const upgraded = tls.connect({
    ...options,
    socket,
    // SNI holds names only, RFC 6066 section 3.
    ...(net.isIP(target.host) === 0 ? { servername: options.servername ?? target.host } : { host: target.host }),
    ...(target.alpn === undefined ? {} : { ALPNProtocols: [...target.alpn] }),
  })
  return ready(upgraded, 'secureConnect', signal)
}

/** Resolves on `event`; on an error or an abort the socket is destroyed and every listener of ours is gone. */
function ready<S extends net.Socket>(socket: S, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<S> {
  return new Promise((resolve, reject) => {
    const done = (settle: () => void): void => {
      socket.removeListener(event, onReady)
      socket.removeListener('error', onError)
      socket.removeListener('close', onClose)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const fail = (error: unknown): void => {
      done(() => reject(error))
      socket.on('error', () => {})
      socket.destroy()
    }
    const onReady = (): void => done(() => resolve(socket))
    const onError = (error: Error): void => fail(error)
    const onClose = (): void => fail(new WgrokError('platform-unavailable', 'the connection closed at once'))
    const onAbort = (): void => fail(signal.reason)
    if (signal.aborted) return fail(signal.reason)
    socket.once(event, onReady)
    socket.once('error', onError)
    socket.once('close', onClose)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
