/** One line of input. */
export interface Line {
  /** From 1. */
  readonly number: number
  /** Without its line end; undefined when the bytes are not UTF-8. */
  readonly text: string | undefined
}

const LF = 0x0a
const CR = 0x0d

/** Splits bytes into lines as they come, so that a pipe that never ends is judged line by line. */
export async function* readLines(input: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let parts: Uint8Array[] = []
  let number = 0
  const line = (): Line => {
    const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
    parts = []
    number += 1
    try {
      return { number, text: decoder.decode(bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes) }
    } catch {
      return { number, text: undefined }
    }
  }
  for await (const chunk of input) {
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      parts.push(chunk.subarray(start, end))
      yield line()
      start = end + 1
    }
    if (start < chunk.length) parts.push(chunk.subarray(start))
  }
  if (parts.length > 0) yield line()
}
