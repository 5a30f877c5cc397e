import { randomBytes } from 'node:crypto'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { type Exercise, type Outcome, openBench } from './bench.js'
import { EXIT, type ExitCode } from './exit.js'
import type { CliIo } from './io.js'
import { count } from './text.js'

const KIB = 1024

/**
 * `wgrok up --once`: a router, a receiver and senders in this process, with real WebSockets on 127.0.0.1 between them.
 * Sends each exercise, prints its hops and compares what arrived with what was sent, byte for byte.
 *
 * @returns 0 when every payload arrived unchanged, else 1
 */
export async function drill(io: CliIo, json: boolean): Promise<ExitCode> {
  const bench = await openBench(io.interrupted)
  const outcomes: Outcome[] = []
  try {
    if (!json) await io.stdout(`router up, bridge on ${bench.url}\n\n`)
    for (const exercise of exercises()) {
      const outcome = await bench.run(exercise)
      outcomes.push(outcome)
      await io.stdout(json ? `${JSON.stringify(outcome)}\n` : describe(outcome))
    }
  } finally {
    await bench.close()
  }
  const good = outcomes.filter(({ identical }) => identical).length
  if (!json) await io.stdout(`${good} of ${outcomes.length} payloads arrived unchanged\n`)
  return good === outcomes.length ? EXIT.ok : EXIT.no
}

function exercises(): Exercise[] {
  // The ASCII between the 4-byte characters shifts, so that a chunk may end at each of their bytes.
  const line = Array.from({ length: 500 }, (_, index) => `${'x'.repeat(index % 4)}🚀`).join('')
  const text = line.repeat(Math.ceil((2.5 * FRAME_LIMITS.bridge.size) / Buffer.byteLength(line)))
  return [
    { name: 'short text', payload: 'hello world', compress: 'never', encrypt: false, flags: /^-$/ },
    {
      name: 'JSON, compressed and encrypted',
      payload: jsonOf(64 * KIB),
      compress: 'always',
      encrypt: true,
      flags: /^ze/,
    },
    {
      name: 'text with 4-byte characters, in chunks',
      payload: text,
      compress: 'never',
      encrypt: false,
      flags: /^1\/[2-9]$/,
    },
  ]
}

/** JSON of exactly `bytes` bytes; partly random, so that compression has something to gain and something to keep. */
function jsonOf(bytes: number): string {
  const rows: object[] = []
  for (let id = 0, size = 0; size < bytes - KIB; id++) {
    const row = { id, name: `sensor ${id}`, value: randomBytes(24).toString('base64'), tags: ['a:b', 'ü', '🚀'] }
    size += Buffer.byteLength(JSON.stringify(row)) + 1
    rows.push(row)
  }
  const text = (fill: string): string => JSON.stringify({ rows, fill })
  return text('.'.repeat(bytes - Buffer.byteLength(text(''))))
}

function describe({ name, bytes, hops, identical, ms, error }: Outcome): string {
  const lines = hops.map(({ hop, frames, flags, bytes: size, ms: at }) => {
    const carried = `${count(frames, 'frame').padStart(9)} ${count(size, 'byte').padStart(14)}`
    return `  ${hop.padEnd(18)}${carried}  ${at.toFixed(1).padStart(7)} ms  flags ${flags}\n`
  })
  const verdict = identical ? 'identical' : `DIFFERENT: ${error ?? 'other bytes arrived than were sent'}`
  return `${name}, ${count(bytes, 'byte')}\n${lines.join('')}  ${verdict}, ${ms.toFixed(1)} ms\n\n`
}
