import { createRequire } from 'node:module'
import { afterEach, describe, expect, it } from 'vitest'
import { startIrcEmulator } from '../../src/testing/irc/emulator.js'
import { ircServerKinds } from './servers.js'
import { channel, listenTo, nick, sendOptions, transportTo, until } from './support.js'

/** irc-framework as its own README uses it: its transport, its registration, its reconnect policy. */
interface Client {
  readonly connected: boolean
  connect(options: Readonly<Record<string, unknown>>): void
  on(event: string, listener: (event: Readonly<Record<string, string>>) => void): void
  join(channel: string): void
  say(target: string, text: string): void
  quit(): void
}

const { Client: FrameworkClient } = createRequire(import.meta.url)('irc-framework') as { Client: new () => Client }

const cleanup: (() => unknown)[] = []

afterEach(async () => {
  for (const undo of cleanup.splice(0).reverse()) await undo()
})

const servers = [
  {
    name: 'the emulator',
    missing: undefined,
    start: async () => {
      const emulator = await startIrcEmulator({
        accounts: new Map([['oracle', 'secret']]),
        pingDuringRegistration: false,
      })
      return { port: emulator.port, stop: () => emulator.close() }
    },
  },
  ...(await ircServerKinds()),
]

describe.each(servers)('irc-framework on $name', ({ missing, start }) => {
  it.skipIf(missing !== undefined)(`hears us, and we hear it ${missing ?? ''}`, async () => {
    const server = await start()
    cleanup.push(() => server.stop())
    const client = new FrameworkClient()
    cleanup.push(() => client.quit())
    const seen: Readonly<Record<string, string>>[] = []
    const joined: string[] = []
    client.on('registered', () => client.join('#wgrok'))
    client.on('join', event => joined.push(String(event['nick'])))
    client.on('privmsg', event => seen.push(event))
    client.connect({
      host: '127.0.0.1',
      port: server.port,
      nick: 'oracle',
      tls: false,
      account: { account: 'oracle', password: 'secret' },
    })
    await until(() => joined.includes('oracle'))
    const router = transportTo(server.port, 'router', '#wgrok')
    cleanup.push(() => router.close())
    const heard = await listenTo(router)
    await until(() => joined.includes('router'))
    const { size } = router.limit
    await router.send(channel('#wgrok'), { text: 'x'.repeat(size) }, sendOptions())
    await router.send(nick('oracle'), { text: ':a:b:-: two  spaces' }, sendOptions())
    await until(() => seen.length === 2)
    expect(seen.map(({ message }) => message)).toEqual(['x'.repeat(size), ':a:b:-: two  spaces'])
    expect(seen.map(({ target }) => target)).toEqual(['#wgrok', 'oracle'])
    client.say('#wgrok', './echo:a:-:-:hi')
    client.say('router', 'to you')
    await until(() => heard.length === 2)
    expect(heard.map(({ text, conversation }) => [text, conversation.id])).toEqual([
      ['./echo:a:-:-:hi', '#wgrok'],
      ['to you', 'oracle'],
    ])
  })
})
