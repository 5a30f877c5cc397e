import { describe, expect, it } from 'vitest'
import { NatsServer, natsBinary } from '../spool/nats-server.js'
import { runChaos, verdict } from './chaos.js'

describe('a router that is killed again and again', () => {
  it('delivers every accepted message, in order and once', async () => {
    const lines: string[] = []
    const figures = await runChaos({ messages: 10_000, kills: 10, log: line => lines.push(line) })
    expect(verdict(figures)).toEqual([])
    expect(figures).toMatchObject({ accepted: 10_000, delivered: 10_000, lost: 0, outOfOrder: 0, clean: true })
  }, 600_000)
})

describe('three routers on one NATS server, killed one at a time', () => {
  it('deliver what they accepted, in order and once, over an outage of the server too', async ({ skip }) => {
    const binary = natsBinary()
    if (binary === undefined) return skip('nats-server is not installed and cannot be')
    const server = new NatsServer(binary)
    await server.start()
    const shared = { routers: 3, server, outageMs: 3_000 }
    const figures = await runChaos({ messages: 1_500, kills: 3, log: () => {}, shared }).finally(() => server.close())
    expect(verdict(figures)).toEqual([])
    expect(figures).toMatchObject({ accepted: 1_500, delivered: 1_500, lost: 0, outOfOrder: 0, clean: true })
  }, 300_000)
})
