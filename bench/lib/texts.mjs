/** Numbers that look random and are the same in every run: payloads must not change between rounds. */
export function randomizer(seed = 42) {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const WORDS =
  'build deploy status failed passed queue worker region commit branch review merge alert metric latency'.split(' ')

/** JSON as agents send it, of `length` characters; compresses about five times. */
export function json(length, random = randomizer()) {
  const parts = []
  for (let at = 0; at < length; ) {
    const word = () => WORDS[Math.floor(random() * WORDS.length)]
    const part = `{"id":${Math.floor(random() * 1e9)},"kind":"${word()}","text":"${word()} ${word()} ${word()}","ms":${random().toFixed(4)}},\n`
    parts.push(part)
    at += part.length
  }
  return parts.join('').slice(0, length)
}

/** `json` with characters of two, three and four bytes in it. */
export function international(length, random = randomizer()) {
  const signs = ['é', 'ü', 'ж', '漢', '字', '😀', '✓']
  let text = ''
  while (text.length < length)
    text += random() < 0.3 ? signs[Math.floor(random() * signs.length)] : WORDS[Math.floor(random() * WORDS.length)]
  // Not in the middle of a pair.
  return text.slice(0, length).toWellFormed().replaceAll('\ufffd', '?')
}
