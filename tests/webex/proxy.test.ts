import { afterEach, describe, expect, it } from 'vitest'
import { startWebexEmulator, type WebexEmulator } from '../../src/testing/webex/emulator.js'
import { startConnectProxy, startSocksProxy, type TestProxy } from '../support/proxy.js'
import { address, listenTo, sendOptions, transportOf, until } from './support.js'

let emulator: WebexEmulator
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
    emulator = await startWebexEmulator()
    proxy = await start(credentials)
    const bot = emulator.addBot('router')
    const ann = emulator.addPerson('ann', 'ann@example.com')
    const room = emulator.directRoom(bot, ann)
    const transport = transportOf(emulator, bot, { proxy: proxy.url })
    const heard = await listenTo(transport)
    await transport.send(address('room', room.id), { text: 'out' }, sendOptions())
    emulator.say(ann, room, 'in')
    await until(() => heard.length === 1)
    // Calls share connections, the socket has its own; nothing goes past the proxy.
    expect(proxy.targets.length).toBeGreaterThanOrEqual(2)
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(emulator.apiUrl).host]))
    const before = proxy.targets.length
    emulator.dropConnections()
    await until(() => proxy.targets.length > before && emulator.sockets.length === 1)
    await transport.close()
  })

  it('refused credentials are told apart from a refused token', async () => {
    emulator = await startWebexEmulator()
    proxy = await start(account)
    const bot = emulator.addBot('router')
    const transport = transportOf(emulator, bot, { proxy: proxy.bareUrl.replace('://', '://us%40er:wrong@') })
    const refused = { code: 'auth-failed', message: expect.stringContaining('proxy') }
    await expect(transport.send(address('email', 'a@b.c'), { text: 'x' }, sendOptions())).rejects.toMatchObject(refused)
    await expect(listenTo(transport)).rejects.toMatchObject(refused)
    expect([proxy.refused, emulator.calls.length]).toEqual([2, 0])
    await transport.close()
  })
})
