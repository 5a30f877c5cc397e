/** Random numbers 0 <= x < 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const PIECES = [
  '',
  ':',
  '::',
  './',
  './echo:',
  '-',
  'z',
  'e',
  'ze',
  '1/1',
  '9/9',
  '0/0',
  '=',
  '==',
  '\n',
  '\r\n',
  '\0',
  ' ',
]
const CHARS = [...'aZ09+/=-_:{}[]",\\é€𝄞\u2028\ufeff', '\ud800', '\udc00', '\u0100', '\x1f', '\x7f']

/** A text with one to four random changes: pieces deleted, doubled, moved, replaced, inserted. */
export function mutate(text: string, random: () => number): string {
  let result = text
  for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes--) {
    const at = Math.floor(random() * (result.length + 1))
    const end = Math.min(result.length, at + Math.floor(random() ** 3 * 40))
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const kinds = [
      () => result.slice(0, at) + result.slice(end),
      () => result.slice(0, end) + result.slice(at),
      () => result.slice(at) + result.slice(0, at),
      () => result.slice(0, at) + pick(CHARS) + result.slice(at + 1),
      () => result.slice(0, at) + pick(PIECES) + result.slice(at),
      () => result.slice(0, at),
    ]
    result = pick(kinds)()
  }
  return result
}
