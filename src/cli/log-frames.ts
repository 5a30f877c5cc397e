import { BRIDGE_TYPES } from '../../generated/models.js'

/** Where a frame begins that can be told from other text. Response frames have no such mark. */
const ECHO = /(?<![^\s"'`([{<=:,])\.\/echo:/
const CONTROL = /^\s*\.\/(?:pause|resume)\s*$/
/** An envelope that stands at the end of a line. */
const ENVELOPE = new RegExp(`\\{\\s*"type"\\s*:\\s*"(?:${BRIDGE_TYPES.join('|')})".*\\}`, 's')

/**
 * The wire messages inside a line of a log: an envelope, a frame up to the end of the line or of its string, or, in a
 * line of JSON, those that its fields hold.
 */
export function messagesIn(line: string): string[] {
  const value = parsed(line)
  if (value !== undefined) return isEnvelope(value) ? [line] : [...textsIn(value)].flatMap(messagesIn)
  const envelope = ENVELOPE.exec(line)?.[0]
  if (envelope !== undefined && parsed(envelope) !== undefined) return [envelope]
  const at = line.search(ECHO)
  if (at !== -1) return [line.slice(at)]
  return CONTROL.test(line) ? [line.trim()] : []
}

function isEnvelope(value: object): boolean {
  return 'type' in value && BRIDGE_TYPES.some(type => type === value.type)
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  else if (isEnvelopeObject(value)) yield JSON.stringify(value)
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* textsIn(inner)
}

function isEnvelopeObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && isEnvelope(value)
}

/** The object that a line is as a whole. */
function parsed(line: string): object | undefined {
  if (!/^\s*[{[]/.test(line)) return undefined
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
