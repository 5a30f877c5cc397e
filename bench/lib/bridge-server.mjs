import { once } from 'node:events'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'
import { shipped } from './place.mjs'

/*
 * The server's side of the bridge rows, in a process of its own: our router, or an echo over plain ws that parses and
 * writes JSON. Tells its port, then its memory whenever asked.
 */
const [side, count] = process.argv.slice(2)
process.send(side === 'ours' ? await ours(Number(count)) : await raw())
process.on('message', () => {
  globalThis.gc()
  globalThis.gc()
  process.send(process.memoryUsage())
})
process.on('disconnect', () => process.exit(0))

async function ours(platforms) {
  const { silent } = await shipped('src/index.js')
  const { WgrokRouter } = await shipped('src/router/index.js')
  const names = Array.from({ length: platforms }, (_, i) => `a${i}`)
  const bridgeTokens = names.map(name => `${name}:token`)
  const domains = names.map(name => `${name}.bridge`)
  const router = new WgrokRouter({ domains, bridgeTokens, bridgePort: 0 }, { logger: silent })
  await router.start()
  return Number(new URL(router.bridgeUrl).port)
}

async function raw() {
  const server = createServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, clientTracking: false })
  sockets.on('connection', socket => {
    socket.on('message', data => {
      const envelope = JSON.parse(data.toString('utf8'))
      if (envelope.type === 'register') socket.send(JSON.stringify({ type: 'reply', content: 'registered' }))
      else socket.send(JSON.stringify({ ...envelope, content: envelope.content.slice('./echo:'.length) }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}
