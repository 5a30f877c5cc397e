import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { IrcTransport } from '../../src/transport/irc/transport.js'
import { type IrcServer, ircServerKinds } from './servers.js'
import { channel, listenTo, nick, sendOptions, transportTo, until } from './support.js'

const kinds = await ircServerKinds()

for (const kind of kinds) {
  describe.skipIf(kind.missing !== undefined)(`${kind.name}${kind.missing ?? ''}`, () => {
    let server: IrcServer
    const open: IrcTransport[] = []
    const make = (...args: Parameters<typeof transportTo> extends [number, ...infer Rest] ? Rest : never) => {
      const transport = transportTo(server.port, ...args)
      open.push(transport)
      return transport
    }

    beforeAll(async () => {
      server = await kind.start()
    })
    afterEach(async () => {
      await Promise.all(open.splice(0).map(transport => transport.close()))
    })
    afterAll(() => server.stop())

    it('carries messages to a channel and to a nick', async () => {
      const router = make('router', '#wgrok,#other')
      const agent = make('agent', '#wgrok')
      const heard = await listenTo(router)
      const answers = await listenTo(agent)
      await agent.send(channel('#wgrok'), { text: './echo:a:b:-: hello  :world' }, sendOptions())
      await until(() => heard.length === 1)
      expect(heard[0]).toMatchObject({
        platform: 'irc',
        text: './echo:a:b:-: hello  :world',
        conversation: { platform: 'irc', kind: 'channel', id: '#wgrok' },
      })
      expect(heard[0]?.sender.principals[0]).toMatch(/^agent!.*wgrok@127\.0\.0\.1$/)
      await router.send(nick('agent'), { text: ':a:b:-:käse' }, sendOptions())
      await until(() => answers.length === 1)
      expect(answers[0]).toMatchObject({ text: ':a:b:-:käse', conversation: { kind: 'nick', id: 'router' } })
      expect(heard).toHaveLength(1)
    })
  })
}
