import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createIrcTransport, type IrcTransportOptions } from '../../src/transport/irc/transport.js'
import type { Transport } from '../../src/transport/transport.js'
import { startConnectProxy, startSocksProxy } from '../support/proxy.js'
import { seeded } from '../support/random.js'
import { ircServerKinds, type ServerCertificate } from './servers.js'
import { channel, follow, listenTo, sendOptions, transportTo, until } from './support.js'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const cleanup: (() => unknown)[] = []

afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo()
})

function later<T extends { close(): unknown }>(one: T): T {
  cleanup.push(() => one.close())
  return one
}

/** A certificate for `localhost` that nobody else has signed. */
function certificate(): ServerCertificate {
  const folder = mkdtempSync(path.join(tmpdir(), 'wgrok-irc-tls-'))
  cleanup.push(() => rmSync(folder, { recursive: true }))
  const [cert, key] = [path.join(folder, 'cert.pem'), path.join(folder, 'key.pem')]
  const args = `req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout ${key} -out ${cert}`
  const names = ['-addext', 'subjectAltName=DNS:localhost']
  execFileSync('openssl', [...args.split(' '), ...names], { stdio: 'ignore' })
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

for (const kind of await ircServerKinds()) {
  const title = kind.missing === undefined ? `on ${kind.name}` : `on ${kind.name} (${kind.missing})`
  describe.skipIf(kind.missing !== undefined)(title, () => {
    describe.each([
      ['HTTP CONNECT', startConnectProxy],
      ['SOCKS5', startSocksProxy],
    ])('through %s', (_name, start) => {
      it.each([
        ['without', {}],
        ['with', { user: 'us@er', password: 'p:w' }],
      ])('sends and hears %s credentials', async (_how, credentials) => {
        const server = await kind.start()
        cleanup.push(() => server.stop())
        const proxy = later(await start(credentials))
        const agent = later(transportTo(server.port, 'agent', '#wgrok', { proxy: proxy.url }))
        const router = later(transportTo(server.port, 'router', '#wgrok', { proxy: proxy.url }))
        const heard = await listenTo(router)
        await agent.send(channel('#wgrok'), { text: 'through' }, sendOptions())
        await until(() => heard.length === 1)
        expect(proxy.targets).toEqual(Array(2).fill(`127.0.0.1:${server.port}`))
      })

      it('tells refused credentials', async () => {
        const server = await kind.start()
        cleanup.push(() => server.stop())
        const proxy = later(await start({ user: 'user', password: 'right' }))
        const url = proxy.bareUrl.replace('://', '://user:wrong@')
        const agent = later(transportTo(server.port, 'agent', '#wgrok', { proxy: url }))
        const refused = { code: 'auth-failed', message: expect.stringContaining('proxy') }
        await expect(agent.listen(async () => {})).rejects.toMatchObject(refused)
        await expect(agent.send(channel('#wgrok'), { text: 'x' }, sendOptions())).rejects.toMatchObject(refused)
      })
    })

    it.skipIf(!hasOpenssl)('speaks TLS, and to nobody whose certificate is not signed', async () => {
      const tls = certificate()
      const server = await kind.start({ tls })
      cleanup.push(() => server.stop())
      const at = `agent@localhost:${server.tlsPort}/#wgrok`
      const make = (text: string, options: Partial<IrcTransportOptions> = {}): Transport =>
        later(createIrcTransport(text, { role: 'router', confirmMs: 100, ...options }))
      for (const text of [at, `ircs://${at}`]) {
        const trusting = make(text, { tls: { ca: tls.cert } })
        await trusting.listen(async () => {})
        await trusting.send(channel('#wgrok'), { text: 'x' }, sendOptions())
        await trusting.close()
      }
      await expect(make(at).listen(async () => {})).rejects.toMatchObject({
        code: 'auth-failed',
        message: expect.stringContaining('certificate'),
      })
      const proxy = later(await startConnectProxy())
      await make(at, { tls: { ca: tls.cert }, proxy: proxy.url }).listen(async () => {})
      expect(proxy.targets).toEqual([`localhost:${server.tlsPort}`])
    })

    it('loses no message that it confirmed, and sends none twice, while the connection is cut again and again', async () => {
      const server = await kind.start()
      cleanup.push(() => server.stop())
      const wire = later(await startWire(server.port))
      const receiver = later(transportTo(server.port, 'receiver', '#cuts'))
      const heard = await listenTo(receiver)
      const sender = later(transportTo(wire.port, 'sender', '#cuts', { reconnectMin: 1, confirmMs: 30 }))
      const states = follow(sender)
      await sender.listen(async () => {})
      const random = seeded(7)
      const confirmed: string[] = []
      let cuts = 0
      for (let at = 0; at < 300; at += 10) {
        const batch = Array.from({ length: 10 }, (_, i) => `message-${at + i}`)
        const sent = batch.map(text =>
          sender.send(channel('#cuts'), { text }, sendOptions()).then(
            () => void confirmed.push(text),
            error => expect(error).toMatchObject({ code: 'connection-lost', retryable: true }),
          ),
        )
        if (random() < 0.4) {
          await new Promise(resolve => setTimeout(resolve, random() * 10))
          wire.cut()
          cuts++
        }
        await Promise.all(sent)
      }
      await until(() => confirmed.every(text => heard.some(message => message.text === text)))
      const texts = heard.map(({ text }) => text)
      expect(new Set(texts).size).toBe(texts.length)
      expect(cuts).toBeGreaterThan(5)
      const order = texts.map(text => Number(text.slice('message-'.length)))
      expect(order).toEqual([...order].sort((a, b) => a - b))
      await until(() => states.at(-1)?.state === 'live')
      process.stdout.write(
        `${kind.name}: ${cuts} cuts, ${confirmed.length} of 300 confirmed, ${texts.length} heard, 0 twice\n`,
      )
    })
  })
}

/** Passes bytes on, until it is cut. */
async function startWire(target: number): Promise<{ readonly port: number; cut(): void; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer(client => {
    const upstream = net.connect(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        cut()
      }),
  }
}
