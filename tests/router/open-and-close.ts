// Opens a router with everything that it has, uses it, closes it, and then has to end by itself.
import { readdirSync } from 'node:fs'
import { WgrokReceiver } from '../../src/bus/receiver.js'
import { WgrokSender } from '../../src/bus/sender.js'
import { silent } from '../../src/log.js'
import type { BotConfig } from '../../src/protocol.js'
import { WgrokRouter } from '../../src/router/index.js'

const descriptors = (): number => readdirSync('/proc/self/fd').length
const before = process.platform === 'linux' ? descriptors() : 0
const config = JSON.parse(process.argv[2] ?? '{}') as BotConfig
const router = new WgrokRouter(config, { logger: silent })
await router.start()
const token = `ws://agents:tok@${new URL(router.bridgeUrl ?? '').host}`
const peer = { platform: 'bridge', token, slug: 'deploy', domains: ['agents.bridge'] } as const
const receiver = new WgrokReceiver(peer, (_slug, _payload, _cards, _from, context) => void context.reply('done'), {
  logger: silent,
})
await receiver.listen()
const sender = new WgrokSender(peer, { logger: silent })
const reply = await sender.request('go', { timeoutMs: 20_000 })
await (await fetch(`${router.httpUrl}/metrics`)).text()
await sender.close()
await receiver.close()
await router.close()
const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit'].map(name => process.listenerCount(name))
process.on('exit', () => {
  const left = process.platform === 'linux' ? descriptors() - before : 0
  process.stdout.write(JSON.stringify({ reply: reply.payload, left, listeners }))
})
