import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { WebSocket } from 'ws'
import { start } from '../lib/child.mjs'
import { compare, interleave, median, quantile, same } from '../lib/measure.mjs'
import { number } from '../lib/report.mjs'

const CONNECTIONS = 50
/** Frames that every adapter has on the way at once. */
const WINDOW = 8
const ROUNDS = 11

/** Adapter to router to adapter on loopback: the same plain `ws` clients against our router and against an echo. */
export async function run({ quick }) {
  const servers = {
    ours: await start('./bridge-server.mjs', ['ours', String(CONNECTIONS)]),
    raw: await start('./bridge-server.mjs', ['raw']),
  }
  const ours = await Adapters.connect(servers.ours.first)
  const raw = await Adapters.connect(servers.raw.first)
  await Promise.all([ours.send(200), raw.send(200)])
  same(ours.sample, raw.sample, 'what came back')
  const sides = { ours: count => ours.send(count), raw: count => raw.send(count) }
  const figures = await interleave(sides, { ms: quick ? 4_000 : 20_000, rounds: ROUNDS })
  const detail = `${number(1e9 / median(figures.ours))} frames/s, raw ${number(1e9 / median(figures.raw))}`
  const [own, other] = [ours.latencies(), raw.latencies()]
  const late = `${number(median(own))} ms, raw ${number(median(other))} ms`
  ours.close()
  raw.close()
  await Promise.all([servers.ours.stop(), servers.raw.stop()])
  return {
    lines: [
      {
        what: `throughput, ${CONNECTIONS} connections`,
        ...compare(figures.raw, figures.ours),
        reach: { least: 0.6 },
        detail,
      },
      { what: 'p99 of the way there and back', ...compare(own, other), reach: { most: 3 }, detail: late },
    ],
  }
}

class Adapters {
  #sockets
  #left = 0
  #flying = 0
  #done = () => {}
  #times = []
  #rounds = []
  sample

  static async connect(port) {
    const sockets = Array.from({ length: CONNECTIONS }, (_, i) => {
      const url = `ws://127.0.0.1:${port}/bridge/v1/a${i}`
      return new WebSocket(url, { headers: { authorization: 'Bearer token' }, perMessageDeflate: false })
    })
    for (const [i, socket] of sockets.entries()) {
      if (socket.readyState !== WebSocket.OPEN) await once(socket, 'open')
      socket.send(JSON.stringify({ type: 'register', platform: `a${i}`, capabilities: ['text'] }))
      await once(socket, 'message')
    }
    return new Adapters(sockets)
  }

  constructor(sockets) {
    this.#sockets = sockets
    for (const socket of sockets) socket.on('message', data => this.#heard(socket, data))
  }

  /** Resolves when so many frames have come back. */
  send(count) {
    this.#left = count
    this.#times = []
    this.#rounds.push(this.#times)
    return new Promise(resolve => {
      this.#done = resolve
      for (let i = 0; i < WINDOW; i++) for (const socket of this.#sockets) this.#next(socket)
    })
  }

  #next(socket) {
    if (this.#left === 0) return
    this.#left--
    this.#flying++
    const content = `./echo:deploy:ci:-:${performance.now()}|{"job":1234,"url":"https://ci.example.com/job/1234","state":"queued"}`
    socket.send(JSON.stringify({ type: 'message', session_key: 's-1', content }))
  }

  #heard(socket, data) {
    const { content } = JSON.parse(data.toString('utf8'))
    const bar = content.indexOf('|')
    this.#times.push(performance.now() - Number(content.slice('deploy:ci:-:'.length, bar)))
    this.sample = content.slice(0, 'deploy:ci:-:'.length) + content.slice(bar)
    this.#flying--
    this.#next(socket)
    if (this.#left === 0 && this.#flying === 0) this.#done()
  }

  /** The 99th percentile of each round, in ms; what warmed up before is left out. */
  latencies() {
    return this.#rounds.slice(-ROUNDS).map(times => quantile(times, 0.99))
  }

  close() {
    for (const socket of this.#sockets) socket.terminate()
  }
}
