// npm run test:memory -- [--messages N]: relays messages and prints the memory in use as a series; exits 1 unless it is flat.
import { parseArgs } from 'node:util'
import { silent } from '../../src/log.js'
import { WgrokRouter } from '../../src/router/index.js'
import { FakeTransport } from '../bus/fakes.js'

const { values } = parseArgs({ options: { messages: { type: 'string', default: '1000000' } } })
const messages = Number(values.messages)
const SAMPLES = 20
/** Bytes that the heap may be larger in the second half of the run than in the first. */
const ALLOWED = 8 * 1024 * 1024

if (global.gc === undefined) {
  process.stderr.write('start with node --expose-gc\n')
  process.exit(2)
}

class Sink extends FakeTransport {
  count = 0

  override async send(): Promise<{ messageId: string; platformResponse: null }> {
    this.count++
    return { messageId: `s-${this.count}`, platformResponse: null }
  }
}

const transport = new Sink('slack')
const router = new WgrokRouter({ domains: ['example.com'] }, { logger: silent, transports: [transport] })
await router.start()
const heaps: number[] = []
const begun = Date.now()
const conversations = Array.from(
  { length: 500 },
  (_, n) => ({ platform: 'slack', kind: 'channel', id: `C0${n}` }) as const,
)
for (let n = 0; n < messages; n++) {
  const conversation = conversations[n % conversations.length]
  if (conversation === undefined) break
  // What is remembered for a while is bounded; it fills up at the start, so that what grows after that is a leak.
  const inbox = n < messages / 5 || n % 10 === 0 ? `~n${n}abc` : ''
  await transport.hear({ id: `m-${n}`, text: `./echo:deploy:ci${inbox}:-:payload number ${n}`, conversation })
  if ((n + 1) % Math.floor(messages / SAMPLES) !== 0) continue
  while ((await router.status()).spool.messages > 0) await new Promise(resolve => setTimeout(resolve, 1))
  global.gc()
  const { heapUsed, rss } = process.memoryUsage()
  heaps.push(heapUsed)
  process.stdout.write(`${n + 1}\theap ${mib(heapUsed)} MiB\trss ${mib(rss)} MiB\n`)
}
const seconds = (Date.now() - begun) / 1000
await router.close()
const [middle = 0, end = 0] = [heaps[Math.floor(SAMPLES / 2)], heaps.at(-1)]
const flat = end - middle < ALLOWED
process.stdout.write(
  `${JSON.stringify({ messages, sent: transport.count, perSecond: Math.round(messages / seconds), growth: end - middle, flat })}\n`,
)
process.exit(flat && transport.count === messages ? 0 : 1)

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
