// npm run test:chaos -- [--messages N] [--kills N]: prints figures and exits by them.
import { parseArgs } from 'node:util'
import { runChaos, verdict } from './chaos.js'

const { values } = parseArgs({
  options: { messages: { type: 'string', default: '100000' }, kills: { type: 'string', default: '100' } },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const figures = await runChaos({ messages: Number(values.messages), kills: Number(values.kills), log: say })
say(JSON.stringify(figures))
const problems = verdict(figures)
for (const problem of problems) say(`FAILED: ${problem}`)
process.exit(problems.length === 0 ? 0 : 1)
