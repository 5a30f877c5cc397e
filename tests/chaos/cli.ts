// npm run test:chaos -- [--messages N] [--kills N] [--only alone|shared]: prints figures and exits by them.
import { parseArgs } from 'node:util'
import { NatsServer, natsBinary } from '../spool/nats-server.js'
import { type ChaosOptions, runChaos, verdict } from './chaos.js'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '100' },
    only: { type: 'string', default: 'both' },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const common = { messages: Number(values.messages), kills: Number(values.kills), log: say }
let failed = false

async function run(title: string, options: ChaosOptions): Promise<void> {
  say(`== ${title}`)
  const figures = await runChaos(options)
  say(JSON.stringify(figures))
  for (const problem of verdict(figures)) {
    failed = true
    say(`FAILED: ${problem}`)
  }
}

if (values.only !== 'shared') await run('one router with a state directory', common)
const binary = natsBinary()
if (values.only !== 'alone' && binary !== undefined) {
  const server = new NatsServer(binary)
  await server.start()
  const shared = { routers: 3, server, outageMs: 10_000 }
  await run('three routers on NATS JetStream', { ...common, shared }).finally(() => server.close())
} else if (values.only === 'shared') {
  say('FAILED: there is no nats-server here')
  failed = true
}
process.exit(failed ? 1 : 0)
