import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { BridgeClient } from '../../src/bridge/client.js'
import { WgrokError } from '../../src/errors.js'
import type { TransportStatus } from '../../src/transport/transport.js'
import { client, later, serve, until } from './support.js'

/** A server that knows nothing of this library. */
async function plainServer(
  connected: (socket: WebSocket, headers: NodeJS.Dict<string | string[]>, path: string) => void,
) {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  sockets.on('connection', (socket, request) => connected(socket, request.headers, request.url ?? ''))
  await new Promise(resolve => sockets.once('listening', resolve))
  later({
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      sockets.close()
    },
  })
  return `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`
}

describe('a client', () => {
  it('registers with the token in the header only, and answers messages', async () => {
    const got: unknown[] = []
    const url = await plainServer((socket, headers, path) => {
      got.push(headers['authorization'], path)
      socket.on('message', data => {
        const envelope = JSON.parse(String(data))
        got.push(envelope)
        if (envelope.type !== 'register') return
        socket.send('{"type":"reply"}')
        socket.send('{"type":"message","session_key":"s","content":"ping"}')
      })
    })
    const adapter = client(url, { capabilities: ['text', 'typing'], resume: false }).onMessage(
      message => `${message.content} pong`,
    )
    await adapter.connect()
    await until(() => got.length === 4)
    expect(got).toEqual([
      'Bearer tokA',
      '/bridge/v1/agents',
      { type: 'register', platform: 'agents', capabilities: ['text', 'typing'] },
      { type: 'reply', session_key: 's', content: 'ping pong' },
    ])
  })

  it('reads platform and token from the URL', async () => {
    const { server, url } = await serve()
    const adapter = later(new BridgeClient({ url: url.replace('ws://', 'ws://agents:tokA@') }))
    await adapter.connect()
    expect(server.platforms()).toMatchObject([{ platform: 'agents' }])
  })

  it.each(['http://a:b@h', 'nonsense', 'ws://h', 'ws://Slack:x@h', 'ws://slack:x@h'])('refuses %s', url => {
    expect(() => new BridgeClient({ url })).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })

  it('sends messages, replies, events and streams, and hears replies and events', async () => {
    const { server, url } = await serve()
    const atServer: unknown[] = []
    const atClient: unknown[] = []
    server
      .onMessage(message => `got ${message.content}`)
      .onReply(reply => void atServer.push(reply.content))
      .onEvent((event, session) => {
        atServer.push(event.event)
        return event.event === 'stream_end' ? session.event('typing') : undefined
      })
    const adapter = client(url, { capabilities: ['typing'] })
      .onReply(reply => void atClient.push(reply.content))
      .onEvent(event => void atClient.push(event.event))
    await adapter.connect()
    await adapter.sendMessage({ session_key: 's', content: 'a' })
    await adapter.reply('s', 'b')
    await adapter.typing('s')
    const stream = adapter.stream('s')
    await stream.write('c')
    await stream.end()
    await until(() => atClient.length === 2 && atServer.length === 5)
    expect(atServer).toEqual(['b', 'typing', 'stream_start', 'stream_chunk', 'stream_end'])
    expect(new Set(atClient)).toEqual(new Set(['got a', 'typing']))
  })

  it('hears replies with the handler of messages when there is no other, and answers none of them', async () => {
    const { server, url } = await serve()
    const atServer: string[] = []
    server.onMessage(() => 'answer').onReply(reply => void atServer.push(reply.content ?? ''))
    const got: string[] = []
    const adapter = client(url).onMessage(message => {
      got.push(message.content ?? '')
      return 'never sent'
    })
    await adapter.connect()
    await adapter.sendMessage('question')
    await until(() => got.length === 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(got).toEqual(['answer'])
    expect(atServer).toEqual([])
  })

  it('tells its handler of errors, and answers what is not in the protocol', async () => {
    const got: unknown[] = []
    const url = await plainServer(socket => {
      socket.on('message', data => {
        got.push(JSON.parse(String(data)))
        if (got.length > 1) return
        socket.send('{"type":"reply"}')
        socket.send('{"type":"error","code":422,"message":"content-refused: no"}')
        socket.send('{"type":"error","code":"x"}')
        socket.send('{"type":"launch"}')
        socket.send('{')
      })
    })
    const errors: unknown[] = []
    const adapter = client(url).onError(error => void errors.push(error.code))
    await adapter.connect()
    await until(() => got.length === 3)
    expect(errors).toEqual([422])
    expect(got.slice(1)).toMatchObject([
      { type: 'error', code: 400 },
      { type: 'error', code: 400 },
    ])
  })
})

describe('a client that loses its connection', () => {
  it('comes back, and what was sent meanwhile leaves in order', async () => {
    const got: string[] = []
    let sockets: WebSocket[] = []
    const url = await plainServer(socket => {
      sockets.push(socket)
      socket.on('message', data => {
        const envelope = JSON.parse(String(data))
        if (envelope.type === 'register') socket.send('{"type":"reply"}')
        else got.push(envelope.content)
      })
    })
    const states: string[] = []
    const adapter = client(url)
    void (async () => {
      for await (const status of adapter.status()) states.push(status.state)
    })()
    await adapter.connect()
    await adapter.sendMessage('0')
    await until(() => got.length === 1)
    for (const socket of sockets) socket.terminate()
    sockets = []
    await until(() => states.includes('reconnecting'))
    await Promise.all([adapter.sendMessage('1'), adapter.sendMessage('2'), adapter.sendMessage('3')])
    await until(() => got.length === 4)
    expect(got).toEqual(['0', '1', '2', '3'])
    await adapter.close()
    await until(() => states.at(-1) === 'closed')
    expect(states).toEqual(['connecting', 'live', 'reconnecting', 'live', 'closed'])
  })

  it('waits longer each time, with full jitter', async () => {
    const http = createServer()
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    const { port } = http.address() as AddressInfo
    await new Promise(resolve => http.close(resolve))
    const waits: number[] = []
    const clock = {
      now: () => Date.now(),
      elapsed: () => performance.now(),
      setTimeout: (fn: () => void, ms: number) => {
        const handle = setTimeout(fn, Math.min(ms, 1))
        return { cancel: () => clearTimeout(handle) }
      },
    }
    const adapter = client(`ws://127.0.0.1:${port}`, { random: () => 0.5, clock })
    void (async () => {
      for await (const status of adapter.status() as AsyncIterable<TransportStatus>) {
        if (status.state === 'reconnecting') waits.push(status.delayMs)
      }
    })()
    adapter.connect().catch(() => {})
    await until(() => waits.length >= 9)
    expect(waits.slice(0, 9)).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  })

  it('refuses more than its queue holds, and gives up what the caller gives up', async () => {
    const { url } = await serve()
    const adapter = client(url, { limits: { queued: 2 } })
    const abort = new AbortController()
    const one = adapter.sendMessage('1', { signal: abort.signal })
    const two = adapter.sendMessage('2')
    await expect(adapter.sendMessage('3')).rejects.toMatchObject({ code: 'lane-full' })
    abort.abort()
    await expect(one).rejects.toMatchObject({ code: 'aborted' })
    await adapter.connect()
    await two
    const late = adapter.sendMessage('4', { signal: AbortSignal.timeout(5) })
    await late
  })

  it('times out a send that nobody takes', async () => {
    const adapter = client('ws://127.0.0.1:9')
    await expect(adapter.sendMessage('x', { signal: AbortSignal.timeout(10) })).rejects.toMatchObject({
      code: 'timeout',
    })
    await expect(adapter.connect({ signal: AbortSignal.timeout(10) })).rejects.toMatchObject({ code: 'timeout' })
  })

  it('stops for good when the token is refused, and says so to everybody', async () => {
    const { url } = await serve()
    const adapter = client(url, { token: 'wrong' })
    const queued = adapter.sendMessage('x')
    await expect(adapter.connect()).rejects.toMatchObject({ code: 'auth-failed' })
    await expect(queued).rejects.toMatchObject({ code: 'auth-failed' })
    await expect(adapter.sendMessage('y')).rejects.toMatchObject({ code: 'auth-failed' })
    for await (const status of adapter.status()) {
      expect(status).toMatchObject({ state: 'failed', error: { code: 'auth-failed' } })
      break
    }
  })

  it('stops for good when its token is taken away', async () => {
    const { server, url } = await serve()
    const adapter = client(url)
    await adapter.connect()
    const failed = (async () => {
      for await (const status of adapter.status()) if (status.state === 'failed') return status.error
      return undefined
    })()
    server.setTokens({ agents: 'new' })
    expect(await failed).toMatchObject({ code: 'auth-failed' })
  })

  it('notices a server that fell silent', async () => {
    const url = await plainServer(socket => {
      socket.on('message', () => {
        socket.send('{"type":"reply"}')
        socket.pause()
      })
    })
    const adapter = client(url, { limits: { pingInterval: 20, pongTimeout: 20 } })
    const states: string[] = []
    void (async () => {
      for await (const status of adapter.status()) states.push(status.state)
    })()
    await adapter.connect()
    await until(() => states.includes('reconnecting'))
    expect(states.slice(0, 4)).toEqual(['connecting', 'live', 'stale', 'reconnecting'])
  })

  it('tries again when nobody answers its registration', async () => {
    let connections = 0
    const url = await plainServer(() => {
      connections += 1
    })
    const adapter = client(url, { limits: { registerTimeout: 30 } })
    adapter.connect().catch(() => {})
    await until(() => connections >= 2)
  })

  it('rejects what waits when it is closed', async () => {
    const adapter = client('ws://127.0.0.1:9')
    const waiting = [adapter.connect(), adapter.sendMessage('x')]
    await adapter.close()
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'closed' })
    await expect(adapter.sendMessage('y')).rejects.toMatchObject({ code: 'closed' })
    await expect(adapter.connect()).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('a client whose envelope the server finds too large', () => {
  it('gives it up and goes on', async () => {
    const { server, url } = await serve({ limits: { payload: 5000 } })
    const got: (string | undefined)[] = []
    server.onMessage(message => void got.push(message.content))
    const adapter = client(url)
    await adapter.connect()
    await adapter.sendMessage('before')
    await adapter.sendMessage('x'.repeat(6000))
    await adapter.sendMessage('after')
    await until(() => got.length === 2)
    expect(got).toEqual(['before', 'after'])
  })
})

describe('a client that was refused something', () => {
  it('does not take that for the reason of a later drop', async () => {
    const { server, url } = await serve()
    server.onMessage(() => {
      throw new WgrokError('forbidden', 'not this one')
    })
    const errors: unknown[] = []
    const adapter = client(url).onError(error => void errors.push(error.message))
    await adapter.connect()
    await adapter.sendMessage('x')
    await until(() => errors.length === 1)
    expect(errors).toEqual(['forbidden: not this one'])
    const states: string[] = []
    void (async () => {
      for await (const status of adapter.status()) states.push(status.state)
    })()
    server.dropConnections()
    await until(() => states.length >= 3)
    expect(states).toEqual(['live', 'reconnecting', 'live'])
  })
})
