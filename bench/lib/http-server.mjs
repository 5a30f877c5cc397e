import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { shipped } from './place.mjs'
import { StubTransport } from './stub.mjs'

/* The server's side of the webhook row: our router, fastify alone, or bare node:http. Tells its port. */
const servers = { ours, fastify: alone, bare }
process.send(await servers[process.argv[2]]())
process.on('disconnect', () => process.exit(0))

async function ours() {
  const { silent } = await shipped('src/index.js')
  const { WgrokRouter } = await shipped('src/router/index.js')
  const config = {
    domains: ['example.com'],
    routes: { deploy: 'webex:email:bot@example.com' },
    webhookPort: 0,
    webhookSecret: 'secret',
  }
  const router = new WgrokRouter(config, { transports: [new StubTransport()], logger: silent })
  await router.start()
  return Number(new URL(router.httpUrl).port)
}

async function alone() {
  const { fastify } = await import('fastify')
  const app = fastify()
  app.post('/wgrok', (request, reply) => {
    reply.code(202)
    return Promise.resolve({ status: typeof request.body.text === 'string' ? 'accepted' : 'ignored', id: randomUUID() })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app.server.address().port
}

async function bare() {
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      const answer = JSON.stringify({
        status: typeof JSON.parse(body).text === 'string' ? 'accepted' : 'ignored',
        id: randomUUID(),
      })
      response.writeHead(202, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(answer),
      })
      response.end(answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}
