import { once } from 'node:events'
import { connect } from 'node:net'
import { start } from '../lib/child.mjs'
import { compare, interleave, median, same } from '../lib/measure.mjs'
import { number } from '../lib/report.mjs'

const CONNECTIONS = 32
/** Callers that take turns, so that no one of them runs into his rate limit. */
const CALLERS = 5_000

/** `POST /wgrok` up to the lane, against servers that parse the same JSON and do nothing with it. */
export async function run({ quick }) {
  const names = ['ours', 'fastify', 'bare']
  const servers = Object.fromEntries(
    await Promise.all(names.map(async name => [name, await start('./http-server.mjs', [name])])),
  )
  const clients = {}
  for (const name of names) clients[name] = await Clients.connect(servers[name].first)
  for (const name of names) await clients[name].send(500)
  for (const name of names) same(clients[name].sample, clients.bare.sample, `answer of ${name}`)
  const sides = Object.fromEntries(names.map(name => [name, count => clients[name].send(count)]))
  const figures = await interleave(sides, { ms: quick ? 4_000 : 20_000, rounds: 11 })
  for (const name of names) clients[name].close()
  await Promise.all(names.map(name => servers[name].stop()))
  const rate = name => number(1e9 / median(figures[name]))
  const line = (name, reach) => ({
    what: `throughput against ${name}`,
    ...compare(figures[name], figures.ours),
    ...(reach === undefined ? {} : { reach }),
    detail: `${rate('ours')} requests/s, ${rate(name)}`,
  })
  return { lines: [line('fastify', { least: 0.7 }), line('bare')] }
}

/** The least HTTP client there is, since it shares the machine with the server. */
class Clients {
  #sockets
  #left = 0
  #flying = 0
  #done = () => {}
  #requests = Array.from({ length: CALLERS }, (_, i) => request(`user${i}@example.com`))
  #at = 0
  sample

  static async connect(port) {
    const sockets = Array.from({ length: CONNECTIONS }, () => connect({ port, host: '127.0.0.1', noDelay: true }))
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    return new Clients(sockets)
  }

  constructor(sockets) {
    this.#sockets = sockets
    for (const socket of sockets) {
      let text = ''
      socket.setEncoding('latin1').on('data', chunk => {
        text += chunk
        const head = text.indexOf('\r\n\r\n')
        if (head === -1) return
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1])
        if (text.length < head + 4 + length) return
        this.#heard(text.slice(0, 12), text.slice(head + 4))
        text = ''
        this.#next(socket)
      })
    }
  }

  send(count) {
    this.#left = count
    return new Promise(resolve => {
      this.#done = resolve
      for (const socket of this.#sockets) this.#next(socket)
    })
  }

  #next(socket) {
    if (this.#left > 0) {
      this.#left--
      this.#flying++
      socket.write(this.#requests[this.#at++ % CALLERS])
    } else if (this.#flying === 0) this.#done()
  }

  #heard(status, body) {
    this.#flying--
    this.sample = [status, JSON.parse(body).status]
    if (!status.endsWith('202')) throw new Error(`${status} ${body}`)
  }

  close() {
    for (const socket of this.#sockets) socket.destroy()
  }
}

function request(from) {
  const body = JSON.stringify({ text: './echo:deploy:ci:-:{"job":1234,"state":"queued"}', from })
  return `POST /wgrok HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer secret\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
}
