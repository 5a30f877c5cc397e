import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that the backend got. */
export interface BackendCall {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An HTTP application that answers, and misbehaves by its path. */
export class Backend {
  readonly calls: BackendCall[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(elsewhere: () => string = () => 'http://127.0.0.1:9'): Promise<Backend> {
    const server = createServer()
    const backend = new Backend(server)
    server.on('request', (request, response) => {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', part => {
        body += part
      })
      request.on('end', () => {
        const path = request.url ?? '/'
        backend.calls.push({ path, headers: request.headers, body })
        const [, verb = '', argument = ''] = path.split('/')
        switch (verb) {
          case 'status':
            return response.writeHead(Number(argument)).end('internal details')
          case 'stall':
            return undefined
          case 'half':
            response.writeHead(200, { 'content-length': '100' })
            return response.write('half an ans')
          case 'reset':
            return request.socket.destroy()
          case 'redirect':
            return response.writeHead(Number(argument), { location: '/echo' }).end()
          case 'loop':
            return response.writeHead(307, { location: '/loop' }).end()
          case 'away':
            return response.writeHead(307, { location: `${elsewhere()}/echo` }).end()
          case 'nowhere':
            return response.writeHead(302).end()
          case 'flood': {
            response.writeHead(200)
            const more = (): void => {
              while (response.write('x'.repeat(65_536)));
              response.once('drain', more)
            }
            return more()
          }
          case 'long':
            return response.end('é😀'.repeat(Number(argument)))
          case 'binary':
            return response.end(Buffer.from([0xff, 0xfe, 0x00]))
          default:
            return response.end(`got ${body}`)
        }
      })
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return backend
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}
