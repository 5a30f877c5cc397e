import { type Line, readLines } from './lines.js'

/**
 * The documents in an input. Frames: one per line. JSON: one per line (NDJSON), or a single document over many lines,
 * which is told by its first line being the beginning of one. Empty lines are left out.
 */
export async function* documents(input: AsyncIterable<Uint8Array>, text: boolean): AsyncGenerator<Line> {
  const lines = readLines(input)
  let first = true
  for await (const line of lines) {
    if (line.text?.trim() === '') continue
    if (first && !text && line.text !== undefined && isBeginning(line.text)) {
      yield* wholeOrLines(line, lines)
      return
    }
    first = false
    yield line
  }
}

/** One document if all lines together are one; else each line for itself, so that each gets its own verdict. */
async function* wholeOrLines(first: Line, rest: AsyncIterable<Line>): AsyncGenerator<Line> {
  const lines = [first]
  for await (const line of rest) lines.push(line)
  const whole = lines.map(line => line.text ?? '').join('\n')
  if (lines.every(line => line.text !== undefined) && parses(whole)) yield { number: first.number, text: whole }
  else yield* lines.filter(line => line.text?.trim() !== '')
}

/** An object or array that ends where JSON cannot end: after an opening bracket, a comma or a colon. */
function isBeginning(text: string): boolean {
  return /^\s*[{[]/.test(text) && /[{[,:]\s*$/.test(text) && !parses(text)
}

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
