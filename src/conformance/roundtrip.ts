import { FRAME_LIMITS } from '../../generated/limits.js'
import { isPlatform } from '../../generated/models.js'
import { measure } from '../frame/measure.js'
import type { FrameLimit } from '../protocol.js'
import { matchesExactly } from './match.js'
import type { Testee } from './testee.js'

/** Operations whose result may differ from run to run, and the operation that undoes each. */
export const INVERSES: Readonly<Record<string, string>> = {
  'codec.encode': 'codec.receive',
  'codec.seal': 'codec.open',
  'frame.formatEcho': 'frame.parseEcho',
  'frame.formatResponse': 'frame.parseResponse',
  'flags.format': 'flags.parse',
}

/**
 * Has the testee undo its own answer, and compares what comes back. Frames are measured here, not by the testee.
 *
 * @returns what is wrong; undefined when nothing is
 */
export async function roundtrip(
  op: string,
  input: unknown,
  answer: unknown,
  expected: unknown,
  testee: Pick<Testee, 'run'>,
): Promise<string | undefined> {
  const inverse = INVERSES[op]
  if (inverse === undefined) return `${op} has no inverse`
  const frames = isRecord(answer) && Array.isArray(answer['frames']) ? answer['frames'] : []
  const over = frames.filter(frame => !fitsLimit(frame, input))
  if (over.length > 0) return `${over.length} of ${frames.length} frames exceed the limit`
  const given = isRecord(input) ? input : {}
  const back = await testee.run(inverse, { ...given, ...(isRecord(answer) ? answer : { text: answer }) })
  if (!('ok' in back)) return `${inverse} of its own answer: ${JSON.stringify(back)}`
  return matchesExactly(back.ok, expected) ? undefined : `${inverse} gives back something else`
}

function fitsLimit(frame: unknown, input: unknown): boolean {
  const limit = limitOf(input)
  return typeof frame === 'string' && (limit === undefined || measure(frame, limit) <= limit.size)
}

/** The limit that a case sets itself, or that of the platform it names. */
export function limitOf(input: unknown): FrameLimit | undefined {
  if (!isRecord(input)) return undefined
  if (isRecord(input['limit'])) return input['limit'] as unknown as FrameLimit
  return isPlatform(input['platform']) ? FRAME_LIMITS[input['platform']] : undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
