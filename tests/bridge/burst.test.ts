import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Writable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Burst } from '../../src/bridge/burst.js'
import { BridgeServer } from '../../src/bridge/server.js'
import { join, later, serve, until } from './support.js'

/** A wire that notes what comes in each write. */
class Wire extends Writable {
  readonly writes: string[] = []

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push(chunk.toString())
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.writes.push(Buffer.concat(chunks.map(({ chunk }) => chunk)).toString())
    done()
  }
}

function write(wire: Wire, burst: Burst, text: string): void {
  burst.begin()
  wire.write(text)
}

describe('a burst', () => {
  it('is written in one go when the turn is over, whichever promises came in between', async () => {
    const wire = new Wire()
    const burst = new Burst(wire)
    write(wire, burst, 'a')
    write(wire, burst, 'b')
    await undefined
    write(wire, burst, 'c')
    expect(wire.writes).toEqual([])
    await turn()
    expect(wire.writes).toEqual(['abc'])
    write(wire, burst, 'd')
    await turn()
    expect(wire.writes).toEqual(['abc', 'd'])
  })

  it('can end before, and then begin again', async () => {
    const wire = new Wire()
    const burst = new Burst(wire)
    burst.end()
    write(wire, burst, 'a')
    burst.end()
    burst.end()
    expect(wire.writes).toEqual(['a'])
    wire.write('b')
    expect(wire.writes).toEqual(['a', 'b'])
    write(wire, burst, 'c')
    expect(wire.writes).toEqual(['a', 'b'])
    await turn()
    expect(wire.writes).toEqual(['a', 'b', 'c'])
  })

  it('loses nothing when the wire ends within it', async () => {
    const wire = new Wire()
    const burst = new Burst(wire)
    write(wire, burst, 'a')
    wire.end('b')
    await once(wire, 'finish')
    expect(wire.writes.join('')).toBe('ab')
    await turn()
  })
})

describe('what the server sends', () => {
  it('in one turn leaves in one write, in order', async () => {
    const server = later(new BridgeServer({ tokens: ['agents:tokA'] }))
    let writes = 0
    const http = later(createServer())
    http.on('upgrade', (request, socket: Socket, head) => {
      const { _writev: writev } = socket
      socket._writev = (...all) => {
        writes += 1
        writev?.apply(socket, all)
      }
      server.handleUpgrade(request, socket, head)
    })
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    const adapter = await join(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
    writes = 0
    await Promise.all(Array.from({ length: 20 }, (_, n) => server.send('agents', String(n))))
    await until(() => adapter.got.length === 21)
    expect(writes).toBe(1)
    expect(adapter.got.slice(1).map(({ content }) => Number(content))).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it('in one turn is no sign of a slow reader while the system takes it', async () => {
    const { server, url } = await serve({ limits: { buffered: 100_000 } })
    const adapter = await join(url)
    await Promise.all(Array.from({ length: 30 }, () => server.send('agents', 'x'.repeat(10_000))))
    await until(() => adapter.got.length === 31)
  })

  it('is done at once while little is waiting, unless the system must have it', async () => {
    const { server, url } = await serve()
    const adapter = await join(url)
    const message = { type: 'message', content: 'x' } as const
    const large = { type: 'message', content: 'x'.repeat(65_536) } as const
    expect(server.hand('agents', message, {})).toBe(undefined)
    expect(server.hand('agents', message, { settle: 'acked' })).toBeInstanceOf(Promise)
    expect(server.hand('agents', large, {})).toBeInstanceOf(Promise)
    await until(() => adapter.got.length === 4)
    expect(adapter.got.slice(1)).toEqual([message, message, large])
  })

  it('arrives also when the connection is dropped in the same turn', async () => {
    const { server, url } = await serve()
    const adapter = await join(url)
    const sent = Array.from({ length: 20 }, (_, n) => server.send('agents', String(n)))
    expect(server.dropConnections()).toBe(1)
    await Promise.all(sent)
    expect(await adapter.closed).toMatchObject({ code: 1006 })
    expect(adapter.got.slice(1).map(({ content }) => Number(content))).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  it('and the close after it arrive', async () => {
    const { server, url } = await serve()
    const adapter = await join(url)
    void server.send('agents', 'last words')
    await server.close()
    expect(await adapter.closed).toMatchObject({ code: 1001 })
    expect(adapter.got.at(-1)).toEqual({ type: 'message', content: 'last words' })
  })
})
