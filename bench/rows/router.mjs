import { compare, growth, interleave, median, same } from '../lib/measure.mjs'
import { shipped } from '../lib/place.mjs'
import { duration, number } from '../lib/report.mjs'
import { handDedupe, messagePool, StubTransport } from '../lib/stub.mjs'

/** Messages that are on their way at once. */
const WAVE = 256

/** From a message of one transport to the send of another: the whole router in memory, without a network. */
export async function run({ quick, progress }) {
  const { silent } = await shipped('src/index.js')
  const { WgrokRouter } = await shipped('src/router/index.js')
  const start = async routes => {
    const transport = new StubTransport()
    const router = new WgrokRouter({ domains: ['example.com'], routes }, { transports: [transport], logger: silent })
    await router.start()
    return { router, transport }
  }
  const lines = []
  const ms = quick ? 2_500 : 9_000
  const pool = messagePool(i => `./echo:slug${i % 16}:ci-${i % 100}:-:{"job":${i}}`)
  const routes = routesFor(16)
  const { router, transport } = await start(routes)
  const hand = new HandRouter(routes)
  for (const message of pool.slice(0, 1_000)) {
    await transport.deliver(message)
    hand.deliver(message)
    await Promise.all([transport.until(transport.sent + 1 - 1), settle()])
    same(transport.last, hand.last, 'what was sent')
  }
  const sides = { ours: waves(transport, pool, 1_000), hand: waves(hand, pool, 1_000) }
  const figures = await interleave(sides, { ms })
  await router.close()
  const [ours, byHand] = [median(figures.ours), median(figures.hand)]
  lines.push({
    what: 'messages per second',
    ratio: 1e9 / ours,
    unit: '/s',
    reach: { least: 500_000 },
    detail: `inline ${number(1e9 / byHand)}/s`,
  })
  const detail = `${duration(ours)} each, inline ${duration(byHand)}`
  lines.push({ what: 'against the same inline', ...compare(figures.ours, figures.hand), reach: { most: 2 }, detail })
  const charts = {}
  for (const [name, sizes, plan] of [
    ['routes', [10, 100, 1_000, 10_000, 100_000], size => [routesFor(size), i => `slug${(i * 7919) % size}`, 256]],
    ['lanes', [1, 10, 100, 1_000, 10_000], size => [{}, i => `free${i}`, size]],
  ]) {
    const points = []
    for (const size of sizes) {
      progress(`${size} ${name}`)
      const [own, slugOf, rooms] = plan(size)
      points.push([size, await cost(start, own, slugOf, rooms, quick ? 250 : 1_200)])
    }
    const slope = growth(points)
    const text = points.map(([x, y]) => `${number(x)}: ${duration(y)}`).join(', ')
    lines.push({ what: `growth with the ${name}`, ratio: slope, unit: 'exponent', reach: { most: 0.3 }, detail: text })
    charts[`router-${name}`] = { title: `Router: time per message`, x: name, y: 'ns', series: { router: points } }
  }
  return { lines, charts }
}

async function cost(start, routes, slugOf, rooms, ms) {
  const { router, transport } = await start(routes)
  const base = messagePool(i => `./echo:${slugOf(i)}:ci:-:{"job":${i}}`, 110_000)
  const places = Array.from({ length: rooms }, (_, i) => ({ platform: 'webex', kind: 'room', id: `room-${i}` }))
  const pool = base.map((message, i) => ({ ...message, conversation: places[i % rooms] }))
  const { ours } = await interleave({ ours: waves(transport, pool, 0) }, { ms, rounds: 5 })
  await router.close()
  return median(ours)
}

function routesFor(count) {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`slug${i}`, `webex:email:bot${i}@example.com`]))
}

/** Delivers in waves, and waits until all of a wave has been sent. */
function waves(side, pool, from) {
  let at = from
  return async count => {
    for (let left = count; left > 0; left -= WAVE) {
      const wave = Math.min(WAVE, left)
      const goal = side.sent + wave
      for (let i = 0; i < wave; i++) side.deliver(pool[at++ % pool.length])
      await side.until(goal)
    }
  }
}

function settle() {
  return new Promise(resolve => setImmediate(resolve))
}

/** Dedupe, domain, frame, route, and a queue for each destination that sends one at a time. Nothing ever goes wrong. */
class HandRouter extends StubTransport {
  #first = handDedupe()
  #routes
  #lanes = new Map()
  #domains = new Set(['example.com'])

  constructor(routes) {
    super()
    this.#routes = new Map(
      Object.entries(routes).map(([slug, target]) => [
        slug,
        { platform: 'webex', kind: 'email', id: target.slice('webex:email:'.length) },
      ]),
    )
    this.deliver = message => this.#take(message)
  }

  #take(message) {
    if (!this.#first(message.id)) return
    const sender = message.sender.principals[0]
    if (!this.#domains.has(sender.toLowerCase().slice(sender.lastIndexOf('@') + 1))) return
    const { text } = message
    if (!text.startsWith('./echo:')) return
    const a = text.indexOf(':', 7)
    const b = text.indexOf(':', a + 1)
    if (a <= 7 || b <= a + 1 || text.indexOf(':', b + 1) <= b + 1) return
    const to = this.#routes.get(text.slice(7, a)) ?? message.conversation
    const key = `${to.platform}:${to.kind}:${to.id}`
    const entry = { id: message.id, to, text: text.slice(7) }
    const lane = this.#lanes.get(key)
    if (lane !== undefined) lane.push(entry)
    else {
      this.#lanes.set(key, [entry])
      void this.#pump(key)
    }
  }

  async #pump(key) {
    const lane = this.#lanes.get(key)
    while (lane.length > 0) {
      const entry = lane.shift()
      try {
        await this.send(entry.to, { text: entry.text })
      } catch (error) {
        console.error(error)
      }
    }
    this.#lanes.delete(key)
  }
}
