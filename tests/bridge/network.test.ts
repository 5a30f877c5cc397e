import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join as path } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BridgeServer } from '../../src/bridge/server.js'
import { startConnectProxy, startSocksProxy } from '../support/proxy.js'
import { client, later, serve } from './support.js'

describe('a client behind a proxy', () => {
  it.each([
    ['HTTP CONNECT', startConnectProxy],
    ['SOCKS5', startSocksProxy],
  ])('reaches the bridge through %s', async (_name, start) => {
    const proxy = later(await start({ user: 'u', password: 'p' }))
    const { url } = await serve()
    await client(url, { proxy: proxy.url }).connect()
    expect(proxy.targets).toEqual([url.replace('ws://', '')])
  })

  it('says so when the proxy refuses it', async () => {
    const proxy = later(await startConnectProxy({ user: 'u', password: 'p' }))
    const { url } = await serve()
    await expect(client(url, { proxy: proxy.bareUrl }).connect()).rejects.toMatchObject({ code: 'auth-failed' })
  })
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0

describe.skipIf(!hasOpenssl)('a bridge behind TLS', () => {
  it('is reached by a client that knows the authority, and by no other', async () => {
    const folder = mkdtempSync(path(tmpdir(), 'wgrok-tls-'))
    later({ close: () => rmSync(folder, { recursive: true }) })
    const [key, cert] = [path(folder, 'key.pem'), path(folder, 'cert.pem')]
    const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bridge`
    const names = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert]
    execFileSync('openssl', [...args.split(' '), ...names], { stdio: 'ignore' })
    const bridge = later(new BridgeServer({ tokens: ['agents:tokA'] }))
    const http = later(createServer({ key: readFileSync(key), cert: readFileSync(cert) }))
    http.on('upgrade', (request, socket, head) => bridge.handleUpgrade(request, socket, head))
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    const url = `wss://localhost:${(http.address() as AddressInfo).port}`

    await client(url, { tls: { ca: readFileSync(cert) } }).connect()
    expect(bridge.platforms()).toMatchObject([{ connections: 1 }])
    const stranger = client(url)
    await expect(stranger.connect({ signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ code: 'timeout' })
    expect(bridge.platforms()).toMatchObject([{ connections: 1 }])
  })
})
