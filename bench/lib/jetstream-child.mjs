import { shipped } from './place.mjs'
import { messagePool, StubTransport } from './stub.mjs'

/** A router around a JetStream that others share, with a transport without a network. */
const [url, name, first, step] = process.argv.slice(2)
const { silent } = await shipped('src/index.js')
const { MemorySpool, WgrokRouter } = await shipped('src/router/index.js')
const { NatsSpool } = await shipped('src/spool/nats.js')
const routes = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`slug${i}`, `webex:email:bot${i}@example.com`]))
const transport = new StubTransport()
const spool = await NatsSpool.open({ url, name, front: new MemorySpool({ laneMax: 1e6 }) })
const router = new WgrokRouter({ domains: ['example.com'], routes }, { transports: [transport], logger: silent, spool })
await router.start()
const pool = messagePool(i => `./echo:slug${i % 16}:ci:-:{"job":${i},"state":"queued"}`)
let at = Number(first)
process.send({ sent: 0 })

process.on('message', ({ count, window }) => {
  let left = count
  const next = async () => {
    while (left-- > 0) {
      const message = pool[at % pool.length]
      at += Number(step)
      await transport.deliver(message)
    }
  }
  for (let i = 0; i < window; i++) void next()
})

// What this router has sent, whoever took the message in.
let told = 0
setInterval(() => {
  if (transport.sent === told) return
  told = transport.sent
  process.send({ sent: told, kind: transport.last[1].replace(/\d+/g, '0') })
}, 2)

process.on('disconnect', async () => {
  await router.close()
  process.exit(0)
})
