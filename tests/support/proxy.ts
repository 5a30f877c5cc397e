import http from 'node:http'
import net, { type AddressInfo } from 'node:net'

/** What a test proxy asks for. */
export interface TestProxyOptions {
  readonly user?: string
  readonly password?: string
}

/** A proxy on loopback. */
export interface TestProxy {
  /** `http://…` or `socks5://…` with the right credentials in it. */
  readonly url: string
  /** The same without credentials. */
  readonly bareUrl: string
  /** `host:port` of every connection that went through. */
  readonly targets: readonly string[]
  /** Connections that were refused for their credentials. */
  readonly refused: number
  close(): Promise<void>
}

/** An HTTP proxy that knows CONNECT only; 407 without the right credentials, where it wants some. */
export async function startConnectProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const state = { targets: [] as string[], refused: 0 }
  const wanted =
    options.user === undefined
      ? undefined
      : `Basic ${Buffer.from(`${options.user}:${options.password ?? ''}`).toString('base64')}`
  const server = http.createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', (request, client: net.Socket, head: Buffer) => {
    client.on('error', () => {})
    if (wanted !== undefined && request.headers['proxy-authorization'] !== wanted) {
      state.refused++
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="test"\r\n\r\n')
      return
    }
    const target = request.url ?? ''
    state.targets.push(target)
    const colon = target.lastIndexOf(':')
    const upstream = net.connect(Number(target.slice(colon + 1)), target.slice(0, colon), () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      upstream.write(head)
      join(client, upstream)
    })
    upstream.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
  })
  return listen(server, 'http', options, state)
}

/** A SOCKS5 proxy: CONNECT to names and IPv4, no authentication or user and password (RFC 1928, 1929). */
export async function startSocksProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const state = { targets: [] as string[], refused: 0 }
  const server = net.createServer(client => {
    client.on('error', () => {})
    serveSocks(client, options, state).catch(() => client.destroy())
  })
  return listen(server, 'socks5', options, state)
}

interface Counts {
  readonly targets: string[]
  refused: number
}

async function serveSocks(client: net.Socket, options: TestProxyOptions, state: Counts): Promise<void> {
  const take = reader(client)
  const [, methodCount = 0] = await take(2)
  const methods = await take(methodCount)
  const method = options.user === undefined ? 0 : 2
  if (!methods.includes(method)) {
    state.refused++
    client.end(Buffer.from([5, 0xff]))
    return
  }
  client.write(Buffer.from([5, method]))
  if (method === 2) {
    const [, userLength = 0] = await take(2)
    const user = (await take(userLength)).toString()
    const [passwordLength = 0] = await take(1)
    const password = (await take(passwordLength)).toString()
    const right = user === options.user && password === (options.password ?? '')
    client.write(Buffer.from([1, right ? 0 : 1]))
    if (!right) {
      state.refused++
      client.end()
      return
    }
  }
  const [, , , kind = 0] = await take(4)
  const host = kind === 1 ? (await take(4)).join('.') : (await take((await take(1))[0] ?? 0)).toString()
  const port = (await take(2)).readUInt16BE(0)
  state.targets.push(`${host}:${port}`)
  const upstream = net.connect(port, host, () => {
    client.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    join(client, upstream)
  })
  upstream.on('error', () => client.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])))
}

/** Reads exact numbers of bytes; what it has not read stays in the socket. */
function reader(socket: net.Socket): (bytes: number) => Promise<Buffer> {
  return async bytes => {
    if (bytes === 0) return Buffer.alloc(0)
    for (;;) {
      const chunk = socket.read(bytes) as Buffer | null
      if (chunk !== null && chunk.length === bytes) return chunk
      if (chunk !== null || socket.readableEnded || socket.destroyed) throw new Error('the client went away')
      await new Promise<void>(resolve => {
        const wake = (): void => {
          socket.removeListener('readable', wake)
          socket.removeListener('close', wake)
          resolve()
        }
        socket.once('readable', wake)
        socket.once('close', wake)
      })
    }
  }
}

function join(client: net.Socket, upstream: net.Socket): void {
  client.pipe(upstream)
  upstream.pipe(client)
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
}

async function listen(
  server: net.Server,
  scheme: string,
  options: TestProxyOptions,
  state: Counts,
): Promise<TestProxy> {
  const sockets = new Set<net.Socket>()
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const credentials =
    options.user === undefined
      ? ''
      : `${encodeURIComponent(options.user)}:${encodeURIComponent(options.password ?? '')}@`
  return {
    url: `${scheme}://${credentials}${host}`,
    bareUrl: `${scheme}://${host}`,
    targets: state.targets,
    get refused() {
      return state.refused
    },
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
