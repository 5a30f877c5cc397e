import { describe, expect, it } from 'vitest'
import { bridgeServerTransport } from '../../src/transport/bridge/server-transport.js'
import { openTransport } from '../../src/transport/open.js'
import type { InboundMessage, SendOptions, Transport } from '../../src/transport/transport.js'
import { join, later, serve, until } from '../bridge/support.js'

const options = (): SendOptions => ({ signal: AbortSignal.timeout(5000), idempotencyKey: 'k-1' })
const adapter = (id: string, thread?: string) =>
  ({ platform: 'bridge', kind: 'adapter', id, ...(thread === undefined ? {} : { thread }) }) as const

async function hear(transport: Transport): Promise<InboundMessage[]> {
  const heard: InboundMessage[] = []
  later(transport)
  await transport.listen(async message => void heard.push(message))
  return heard
}

const peer = (url: string): Promise<Transport> =>
  openTransport('bridge', url.replace('ws://', 'ws://agents:tokA@'), { role: 'peer' })

describe('the bus over the bridge', () => {
  it('carries frames from a peer to the router and back to every peer of the platform', async () => {
    const { server, url } = await serve()
    const router = bridgeServerTransport(server)
    const atRouter = await hear(router)
    const [one, two] = await Promise.all([peer(url), peer(url)])
    const atOne = await hear(one)
    const atTwo = await hear(two)

    const card = { type: 'AdaptiveCard' }
    await one.send(adapter('anything', 's'), { text: './echo:deploy:ci:-:start', cards: [card] }, options())
    await until(() => atRouter.length === 1)
    expect(atRouter).toEqual([
      {
        platform: 'bridge',
        id: expect.any(String),
        text: './echo:deploy:ci:-:start',
        cards: [card],
        sender: { principals: ['agents@agents.bridge'] },
        conversation: adapter('agents', 's'),
      },
    ])

    const receipt = await router.send(adapter('agents', 's'), { text: 'deploy:ci:-:start', cards: [card] }, options())
    expect(receipt).toEqual({ messageId: 'k-1', platformResponse: null })
    await until(() => atOne.length === 1 && atTwo.length === 1)
    for (const [message] of [atOne, atTwo]) {
      expect(message).toMatchObject({
        text: 'deploy:ci:-:start',
        cards: [card],
        sender: { principals: ['wgrok@agents.bridge'] },
        conversation: adapter('agents', 's'),
      })
    }
  })

  it('fills the relay fields from the frame', async () => {
    const { server, url } = await serve()
    const router = bridgeServerTransport(server)
    const plain = await join(url)
    for (const text of ['deploy:ci~7Qm2xV:-:a:b', 'ci~7Qm2xV:deploy:-:ok', 'deploy:-:-:x', './pause', 'no frame']) {
      await router.send(adapter('agents', 's'), { text }, options())
    }
    await until(() => plain.got.length === 6)
    const common = { type: 'message', session_key: 's' }
    expect(plain.got.slice(1)).toEqual([
      { ...common, content: 'deploy:ci~7Qm2xV:-:a:b', from: 'ci~7Qm2xV', to: 'deploy', task_id: '7Qm2xV' },
      { ...common, content: 'ci~7Qm2xV:deploy:-:ok', from: 'deploy', to: 'ci~7Qm2xV', task_id: '7Qm2xV' },
      { ...common, content: 'deploy:-:-:x', to: 'deploy' },
      { ...common, content: './pause' },
      { ...common, content: 'no frame' },
    ])
  })

  it('names the sender after the platform of the connection, whatever the adapter claims', async () => {
    const { server, url } = await serve()
    const heard = await hear(bridgeServerTransport(server))
    const plain = await join(url)
    const users = ['u42', 'root@example.com', 'a b\n', '', 'x\ud800', undefined]
    for (const user_id of users)
      plain.send({ type: 'message', content: 'x', platform: 'slack', metadata: { user_id, platform: 'webex' } })
    await until(() => heard.length === users.length)
    expect(heard.map(message => message.sender.principals)).toEqual([
      ['u42@agents.bridge'],
      ['root%40example.com@agents.bridge'],
      ['a%20b%0A@agents.bridge'],
      ['agents@agents.bridge'],
      ['x%EF%BF%BD@agents.bridge'],
      ['agents@agents.bridge'],
    ])
  })

  it('fails a send to an adapter that is not there, and to other platforms', async () => {
    const { server, url } = await serve()
    const router = bridgeServerTransport(server)
    await expect(router.send(adapter('agents'), { text: 'x' }, options())).rejects.toMatchObject({
      code: 'platform-unavailable',
    })
    await expect(router.send(adapter('who'), { text: 'x' }, options())).rejects.toMatchObject({
      code: 'target-not-found',
    })
    const elsewhere = { platform: 'slack', kind: 'channel', id: 'C1' } as const
    await expect(router.send(elsewhere, { text: 'x' }, options())).rejects.toMatchObject({ code: 'target-invalid' })
    const one = later(await peer(url))
    await expect(one.send(elsewhere, { text: 'x' }, options())).rejects.toMatchObject({ code: 'target-invalid' })
  })

  it('connects at the first send, without listening', async () => {
    const { server, url } = await serve()
    const heard = await hear(bridgeServerTransport(server))
    const one = later(await peer(url))
    await one.send(adapter('agents'), { text: './echo:a:-:-:x' }, options())
    await until(() => heard.length === 1)
  })

  it('answers with an error when the router does not take a message', async () => {
    const { server, url } = await serve()
    const router = later(bridgeServerTransport(server))
    await router.listen(async () => {
      throw new Error('full')
    })
    const plain = await join(url)
    plain.send({ type: 'message', session_key: 's', content: 'x' })
    expect(await plain.next()).toEqual({ type: 'error', code: 500, message: 'internal', session_key: 's' })
  })
})

describe('opening a transport', () => {
  it('refuses a malformed bridge URL without repeating it', async () => {
    await expect(openTransport('bridge', 'ws://x:secret', { role: 'peer' })).rejects.toMatchObject({
      code: 'config-invalid',
    })
    await expect(openTransport('bridge', 'ws://x:secret', { role: 'peer' })).rejects.not.toThrow(/secret/)
  })
})
