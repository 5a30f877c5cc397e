import { compare, interleave, median, same } from '../lib/measure.mjs'
import { shipped } from '../lib/place.mjs'
import { duration, number } from '../lib/report.mjs'
import { handDedupe, messagePool, StubTransport } from '../lib/stub.mjs'

/** From a message of the transport to the handler: dedupe, allowlist, mention, frame, slug. */
export async function run({ quick }) {
  const { silent, WgrokReceiver } = await shipped('src/index.js')
  const pool = messagePool(i => `deploy:ci-${i % 100}:-:{"job":${i}}`)
  const heard = []
  const handler = (slug, payload, _cards, from, context) => {
    heard[0] = [slug, payload, from, context.messageId, context.sender]
  }
  const transport = new StubTransport()
  const receiver = new WgrokReceiver(
    { platform: 'webex', token: 'none', slug: 'deploy', domains: ['example.com'] },
    handler,
    { transport, logger: silent },
  )
  await receiver.listen()
  const hand = handReceiver('deploy', new Set(['example.com']), (...got) => {
    heard[1] = got
  })
  for (const message of pool.slice(0, 1_000)) {
    await transport.deliver(message)
    hand(message)
    same(heard[0], heard[1], 'what the handler got')
  }
  let [at, handAt] = [1_000, 1_000]
  const sides = {
    ours: count => {
      for (let i = 0; i < count; i++) transport.deliver(pool[at++ % pool.length])
    },
    hand: count => {
      for (let i = 0; i < count; i++) hand(pool[handAt++ % pool.length])
    },
  }
  const figures = await interleave(sides, { ms: quick ? 2_500 : 8_000 })
  await receiver.close()
  const [ours, byHand] = [median(figures.ours), median(figures.hand)]
  const detail = `${duration(ours)} each, inline ${duration(byHand)}`
  return {
    lines: [
      {
        what: 'messages per second',
        ratio: 1e9 / ours,
        unit: '/s',
        reach: { least: 1_000_000 },
        detail: `inline ${number(1e9 / byHand)}/s`,
      },
      { what: 'against the same inline', ...compare(figures.ours, figures.hand), reach: { most: 2 }, detail },
    ],
  }
}

function handReceiver(slug, domains, handler) {
  const first = handDedupe()
  return message => {
    if (!first(message.id)) return
    const sender = message.sender.principals[0]
    if (!domains.has(sender.toLowerCase().slice(sender.lastIndexOf('@') + 1))) return
    const { text } = message
    const a = text.indexOf(':')
    const b = text.indexOf(':', a + 1)
    const c = text.indexOf(':', b + 1)
    if (a < 1 || b <= a + 1 || c <= b + 1 || text.slice(0, a) !== slug || text.slice(b + 1, c) !== '-') return
    handler(slug, text.slice(c + 1), text.slice(a + 1, b), message.id, sender)
  }
}
