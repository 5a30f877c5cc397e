import { afterEach, describe, expect, it } from 'vitest'
import { startConnectProxy, startSocksProxy } from '../support/proxy.js'
import { Bench, CHANNEL, keyed, listening, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const ACCOUNT = { user: 'us@er', password: 'p:w' }

describe.each([
  ['HTTP CONNECT', startConnectProxy],
  ['SOCKS5', startSocksProxy],
])('through %s', (_name, start) => {
  it.each([
    ['without', {}],
    ['with', ACCOUNT],
  ])('REST and gateway work %s credentials', async (_how, credentials) => {
    const emulator = await bench.emulator()
    const proxy = bench.add(await start(credentials))
    const transport = bench.transport(emulator, { proxy: proxy.url })
    const heard = await listening(transport)
    await transport.send(CHANNEL, { text: 'out' }, keyed('k'))
    emulator.post({ channelId: '1234', content: 'in' })
    await until(() => heard.length === 1)
    const address = new URL(emulator.apiUrl).host
    expect(new Set(proxy.targets)).toEqual(new Set([address]))
    const before = proxy.targets.length
    emulator.gateway.cut()
    await until(() => emulator.gateway.sent(6).length === 1)
    expect(proxy.targets.length).toBe(before + 1)
  })

  it('refused credentials are told apart from a refused token', async () => {
    const emulator = await bench.emulator()
    const proxy = bench.add(await start(ACCOUNT))
    const wrong = proxy.bareUrl.replace('://', '://us%40er:wrong@')
    const transport = bench.transport(emulator, { proxy: wrong })
    const refused = { code: 'auth-failed', message: expect.stringContaining('proxy') }
    await expect(transport.send(CHANNEL, { text: 'x' }, keyed('k'))).rejects.toMatchObject(refused)
    await expect(listening(transport)).rejects.toMatchObject(refused)
    expect(emulator.calls).toEqual([])
  })
})
