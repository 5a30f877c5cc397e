import { afterEach, describe, expect, it } from 'vitest'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { startConnectProxy, startSocksProxy, type TestProxy } from '../support/proxy.js'
import { channel, listenTo, sendOptions, transportOf, until } from './support.js'

let emulator: SlackEmulator
let proxy: TestProxy

afterEach(async () => {
  await proxy.close()
  await emulator.close()
})

const account = { user: 'us@er', password: 'p:w' }

describe.each([
  ['HTTP CONNECT', startConnectProxy],
  ['SOCKS5', startSocksProxy],
])('through %s', (_name, start) => {
  it.each([
    ['without', {}],
    ['with', account],
  ])('calls and sockets work %s credentials', async (_how, credentials) => {
    emulator = await startSlackEmulator()
    proxy = await start(credentials)
    const app = emulator.addApp({ name: 'router' })
    const ann = emulator.addUser({ name: 'ann' })
    const room = emulator.addChannel('general', [app.botUserId, ann.id])
    const transport = transportOf(emulator, app, { proxy: proxy.url })
    const heard = await listenTo(transport)
    await transport.send(channel(room), { text: 'out' }, sendOptions())
    emulator.say(room, ann.id, 'in')
    await until(() => heard.length === 1)
    const address = new URL(emulator.apiUrl).host
    // Calls with two tokens, and the socket.
    expect(proxy.targets).toEqual([address, address, address])
    emulator.cut()
    await until(() => proxy.targets.length >= 4 && emulator.connections(app).length === 1)
    await transport.close()
  })

  it('refused credentials are told apart from a refused token', async () => {
    emulator = await startSlackEmulator()
    proxy = await start(account)
    const app = emulator.addApp({ name: 'router' })
    const room = emulator.addChannel('general', [app.botUserId])
    const transport = transportOf(emulator, app, { proxy: proxy.bareUrl.replace('://', '://us%40er:wrong@') })
    const refused = { code: 'auth-failed', message: expect.stringContaining('proxy') }
    await expect(transport.send(channel(room), { text: 'x' }, sendOptions())).rejects.toMatchObject(refused)
    await expect(listenTo(transport)).rejects.toMatchObject(refused)
    expect([proxy.refused, emulator.calls.length]).toEqual([2, 0])
    await transport.close()
  })
})
