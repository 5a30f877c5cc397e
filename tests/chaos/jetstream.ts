// npx tsx tests/chaos/jetstream.ts: how fast one NATS server takes messages and gives them out, by lanes.
import { MemorySpool } from '../../src/spool/memory.js'
import { NatsSpool } from '../../src/spool/nats.js'
import { NatsServer, natsBinary } from '../spool/nats-server.js'

const MESSAGES = 2_000
const binary = natsBinary()
if (binary === undefined) {
  process.stderr.write('there is no nats-server here\n')
  process.exit(2)
}
const server = new NatsServer(binary)
await server.start()
for (const lanes of [1, 4, 16, 64]) {
  const front = new MemorySpool({ laneMax: Number.POSITIVE_INFINITY })
  const spool = await NatsSpool.open({ url: server.url, front, name: `lanes${lanes}` })
  await spool.start(() => {})
  const accepted = await rate(MESSAGES, async () => {
    const appends = Array.from({ length: MESSAGES }, (_, n) =>
      spool.append({
        id: `m-${n}`,
        lane: `lane${n % lanes}`,
        to: { platform: 'bridge', kind: 'adapter', id: 'agents' },
        text: `deploy:ci:-:{"job":${n},"state":"queued"}`,
        acceptedAt: Date.now(),
      }),
    )
    await Promise.all(appends)
  })
  // The last one of each lane stays: asking for one more would wait for a second.
  const each = Math.floor(MESSAGES / lanes) - 1
  const taken = await rate(each * lanes, async () => {
    const emptying = Array.from({ length: lanes }, async (_, lane) => {
      for (let n = 0; n < each; n++) await (await spool.take(`lane${lane}`))?.ack()
    })
    await Promise.all(emptying)
  })
  process.stdout.write(`${lanes} lanes: ${accepted} accepted/s, ${taken} taken and acknowledged/s\n`)
  await spool.close()
}
await server.close()
process.exit(0)

async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const begun = Date.now()
  await work()
  return Math.round((count * 1_000) / (Date.now() - begun))
}
