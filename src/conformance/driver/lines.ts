/** Longest line of the driver protocol, in bytes, its end not counted. */
export const LINE_MAX: number = 4 * 1024 * 1024

const LF = 0x0a

/** What a chunk of bytes brought. */
export type Lined = { readonly line: string } | { readonly problem: string }

/** Cuts a stream of bytes into lines of UTF-8, as they come. */
export class LineCutter {
  readonly #max: number
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #parts: Uint8Array[] = []
  #length = 0
  #over = false

  constructor(max: number = LINE_MAX) {
    this.#max = max
  }

  /** Lines that end within `chunk`. One that is too long is told once, and left out. */
  cut(chunk: Uint8Array): Lined[] {
    const found: Lined[] = []
    let start = 0
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#take(chunk.subarray(start, end), found)
      if (!this.#over) found.push(this.#line())
      this.#over = false
      start = end + 1
    }
    this.#take(chunk.subarray(start), found)
    return found
  }

  #take(part: Uint8Array, found: Lined[]): void {
    if (this.#over || part.length === 0) return
    this.#length += part.length
    if (this.#length <= this.#max) return void this.#parts.push(part)
    this.#over = true
    this.#parts = []
    this.#length = 0
    found.push({ problem: `a line is longer than ${this.#max} bytes` })
  }

  #line(): Lined {
    const [first] = this.#parts
    const bytes = this.#parts.length === 1 && first !== undefined ? first : Buffer.concat(this.#parts)
    this.#parts = []
    this.#length = 0
    try {
      return { line: this.#decoder.decode(bytes) }
    } catch {
      return { problem: 'a line is not UTF-8' }
    }
  }
}
