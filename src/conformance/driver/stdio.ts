import type { Answer, Control, Testee } from '../testee.js'
import { LINE_MAX, LineCutter } from './lines.js'

/**
 * Answers a driver on behalf of a testee: requests in, one line each, answers out. Returns at `stop` or the end of input.
 *
 * @param write resolves once whoever reads can take more
 */
export async function serveTestee(
  testee: Testee,
  input: AsyncIterable<Uint8Array>,
  write: (line: string) => Promise<void>,
): Promise<void> {
  const cutter = new LineCutter()
  try {
    for await (const chunk of input) {
      for (const lined of cutter.cut(chunk)) {
        const request = 'line' in lined ? parse(lined.line) : undefined
        // Without its seq, a line cannot be answered; the driver will notice the silence.
        if (request === undefined) continue
        if (request['cmd'] === 'stop') return
        await write(`${line(request, await answer(testee, request))}\n`)
      }
    }
  } finally {
    await testee.close?.()
  }
}

async function answer(testee: Testee, request: Record<string, unknown>): Promise<object> {
  const { cmd, op, input } = request
  if (cmd === 'hello') return testee.hello()
  if (cmd === 'run') return testee.run(String(op), input)
  if (testee.control === undefined || !CONTROLS.has(cmd)) return { skip: { why: `no command ${String(cmd)}` } }
  return testee.control(request as unknown as Control)
}

const CONTROLS: ReadonlySet<unknown> = new Set(['serve', 'connect', 'call', 'observe', 'close'])

function line({ cmd, seq }: Record<string, unknown>, message: object): string {
  const text = JSON.stringify(cmd === 'hello' ? message : { seq, ...message })
  if (Buffer.byteLength(text) <= LINE_MAX) return text
  const fault: Answer = { fault: { text: `the answer is longer than ${LINE_MAX} bytes` } }
  return JSON.stringify({ seq, ...fault })
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
