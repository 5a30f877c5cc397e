import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect as dial } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { start } from '../lib/child.mjs'
import { compare, interleave, median, same } from '../lib/measure.mjs'
import { shipped } from '../lib/place.mjs'
import { number } from '../lib/report.mjs'

/** Messages that are on their way at once. */
const WAVE = 256

/** Relay by 1, 2 and 3 routers that share one JetStream, against raw publish and consume of the same number. */
export async function run({ quick, progress }) {
  try {
    execFileSync('nats-server', ['--version'], { stdio: 'ignore' })
  } catch {
    return { lines: [], skipped: 'nats-server is not installed (Debian: apt-get install nats-server)' }
  }
  const { NatsSpool } = await shipped('src/spool/nats.js').catch(() => ({}))
  if (NatsSpool === undefined) return { lines: [], skipped: 'the build has no JetStream spool' }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'wgrok-bench-'))
  const port = await freePort()
  const server = spawn('nats-server', ['-js', '-sd', dir, '-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' })
  const url = `nats://127.0.0.1:${port}`
  try {
    await listening(port)
    const raw = await Raw.open(url)
    const lines = []
    const points = []
    for (const count of [1, 2, 3]) {
      progress(`${count} routers`)
      const relay = await Relay.open(url, count)
      await relay.send(WAVE)
      await raw.send(WAVE)
      same(relay.kind, raw.kind, 'what came out')
      const sides = { ours: n => relay.send(n), raw: n => raw.send(n) }
      const figures = await interleave(sides, { ms: quick ? 900 : 9_000, rounds: quick ? 3 : 7 })
      const rates = `${number(1e9 / median(figures.ours))} messages/s, raw ${number(1e9 / median(figures.raw))}`
      const detail = `${rates}; ${await spent(relay, server, Math.ceil(1e9 / median(figures.ours)))}`
      const what = count === 1 ? '1 router' : `${count} routers`
      lines.push({ what, ...compare(figures.raw, figures.ours), reach: { least: 0.6 }, detail })
      points.push([count, 1e9 / median(figures.ours)])
      await relay.close()
    }
    await raw.close()
    const gain = points[2][1] / points[0][1]
    lines.push({ what: '3 routers against 1', ratio: gain, reach: { least: 1 }, detail: 'messages/s' })
    return {
      lines,
      charts: {
        jetstream: { title: 'Relay over JetStream', x: 'routers', y: 'messages/s', series: { router: points } },
      },
    }
  } finally {
    server.kill()
    await once(server, 'exit')
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Relays as many as take a second, and says who took how much processor time: where it adds up to all cores, they bind. */
async function spent(relay, server, count) {
  const times = () => [relay.pids.reduce((sum, pid) => sum + processorTime(pid), 0), processorTime(server.pid)]
  const [begun, before] = [performance.now(), times()]
  await relay.send(count)
  const wall = performance.now() - begun
  const [routers, nats] = times().map((time, i) => time - before[i])
  const each = time => `${Math.round((time * 1000) / count)} µs`
  const share = Math.round(((routers + nats) / wall / os.cpus().length) * 100)
  return `processor time each: routers ${each(routers)}, server ${each(nats)}, ${share} % of all cores`
}

/** What a process has used so far, in ms; Linux counts in hundredths of a second. NaN elsewhere. */
function processorTime(pid) {
  if (process.platform !== 'linux') return Number.NaN
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Routers in processes of their own around one JetStream; what any of them sends counts. */
class Relay {
  #children
  #sent
  kind

  static async open(url, routers) {
    const children = await Promise.all(
      Array.from({ length: routers }, (_, i) => start('jetstream-child.mjs', [url, `bench${routers}`, i, routers])),
    )
    return new Relay(children)
  }

  constructor(children) {
    this.#children = children
    this.#sent = children.map(() => 0)
    for (const [i, { child }] of children.entries()) {
      child.on('message', ({ kind, sent }) => {
        this.#sent[i] = sent
        this.kind = kind
      })
    }
  }

  get pids() {
    return this.#children.map(({ child }) => child.pid)
  }

  async send(count) {
    const routers = this.#children.length
    const goal = this.#total() + count
    for (const [i, { child }] of this.#children.entries()) {
      child.send({ count: Math.floor((count + i) / routers), window: Math.ceil(WAVE / routers) })
    }
    while (this.#total() < goal) await delay(1)
  }

  #total() {
    return this.#sent.reduce((sum, sent) => sum + sent, 0)
  }

  async close() {
    await Promise.all(this.#children.map(({ stop }) => stop()))
  }
}

/** One stream on disk, one consumer that acknowledges. */
class Raw {
  #connection
  #jetstream
  #messages
  #heard = 0
  #at = 0
  kind

  static async open(url) {
    const raw = new Raw()
    const { connect } = await import('@nats-io/transport-node')
    const { AckPolicy, jetstream, RetentionPolicy } = await import('@nats-io/jetstream')
    raw.#connection = await connect({ servers: url })
    raw.#jetstream = jetstream(raw.#connection)
    const manager = await raw.#jetstream.jetstreamManager()
    await manager.streams.add({ name: 'raw', subjects: ['raw.>'], retention: RetentionPolicy.Workqueue })
    await manager.consumers.add('raw', { durable_name: 'raw', ack_policy: AckPolicy.Explicit })
    const consumer = await raw.#jetstream.consumers.get('raw', 'raw')
    raw.#messages = await consumer.consume()
    void raw.#hear()
    return raw
  }

  async #hear() {
    for await (const message of this.#messages) {
      this.kind = message.json().text.replace(/\d+/g, '0')
      message.ack()
      this.#heard++
    }
  }

  async send(count) {
    const goal = this.#heard + count
    let left = count
    const next = async () => {
      while (left-- > 0) await this.#publish()
    }
    await Promise.all(Array.from({ length: WAVE }, next))
    while (this.#heard < goal) await delay(1)
  }

  #publish() {
    const i = this.#at++
    const text = `slug${i % 16}:ci:-:{"job":${i},"state":"queued"}`
    const entry = { id: `webex:message-${i}`, lane: `webex:email:bot${i % 16}@example.com`, text, acceptedAt: 1 }
    return this.#jetstream.publish(`raw.${i % 16}`, JSON.stringify(entry), { msgID: `raw-${i}` })
  }

  async close() {
    await this.#messages.close()
    await this.#connection.close()
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function listening(port) {
  for (;;) {
    const socket = dial(port, '127.0.0.1')
    const up = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (up) return
    await delay(50)
  }
}
