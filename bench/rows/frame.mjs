import { compare, interleave, median, same } from '../lib/measure.mjs'
import { shipped } from '../lib/place.mjs'
import { duration } from '../lib/report.mjs'

const REACH = { most: 1.3 }
const COUNT = 256

/** Reading and writing frames and flags, against the least that a careful hand would write. */
export async function run({ quick }) {
  const { formatEcho, formatFlags, parseEcho, parseFlags, parseResponse } = await shipped('generated/frames.js')
  const flags = ['-', 'z', 'e', 'ze', '1/3', 'z2/3', 'ze12/40', '-']
  const echoes = Array.from(
    { length: COUNT },
    (_, i) => `./echo:slug${i}:ci-${i}:${flags[i % 8]}:{"job":${i},"url":"a:b"}`,
  )
  const responses = echoes.map(echo => echo.slice('./echo:'.length))
  const frames = echoes.map(echo => parseEcho(echo))
  const sets = flags.map(text => parseFlags(text))
  const ms = quick ? 500 : 2_500
  const cases = [
    ['parse echo', echoes, parseEcho, handEcho],
    ['parse response', responses, parseResponse, handResponse],
    ['format echo', frames, formatEcho, handFormat],
    ['parse flags', flags, parseFlags, handFlags],
    ['format flags', sets, formatFlags, handFormatFlags],
  ]
  const lines = []
  for (const [what, inputs, ours, hand] of cases) {
    for (const input of inputs) same(ours(input), hand(input), what)
    const figures = await interleave({ ours: loop(ours, inputs), hand: loop(hand, inputs) }, { ms })
    const detail = `${duration(median(figures.ours))}, by hand ${duration(median(figures.hand))}`
    lines.push({ what, ...compare(figures.ours, figures.hand), reach: REACH, detail })
  }
  return { lines }
}

/** A loop of its own for every function: a shared one would be compiled for all of them at once. */
function loop(work, inputs) {
  const make = new Function(
    'work',
    'inputs',
    `let kept; return count => { for (let i = 0; i < count; i++) kept = work(inputs[i % ${inputs.length}]); return kept }`,
  )
  return make(work, inputs)
}

function handEcho(text) {
  return text.startsWith('./echo:') ? handParse(text, 7) : 'not-a-frame'
}

function handResponse(text) {
  return handParse(text, 0)
}

function handParse(text, start) {
  const a = text.indexOf(':', start)
  if (a <= start) return 'frame-malformed'
  const b = text.indexOf(':', a + 1)
  if (b <= a + 1) return 'frame-malformed'
  const c = text.indexOf(':', b + 1)
  if (c <= b + 1) return 'frame-malformed'
  return {
    to: text.slice(start, a),
    from: text.slice(a + 1, b),
    flags: text.slice(b + 1, c),
    payload: text.slice(c + 1),
  }
}

function handFormat({ to, from, flags, payload }) {
  return `./echo:${to}:${from}:${flags}:${payload}`
}

const NONE = { compressed: false, encrypted: false }

function handFlags(text) {
  if (text === '-') return NONE
  let at = 0
  const compressed = text[at] === 'z'
  if (compressed) at++
  const encrypted = text[at] === 'e'
  if (encrypted) at++
  if (at === text.length) return at === 0 ? undefined : { compressed, encrypted }
  const slash = text.indexOf('/', at)
  if (slash === -1) return undefined
  const index = digits(text, at, slash)
  const total = digits(text, slash + 1, text.length)
  return index >= 1 && index <= total ? { compressed, encrypted, chunk: { index, total } } : undefined
}

/** As strict as the protocol: decimal digits only, none leading that is zero. */
function digits(text, from, to) {
  let value = 0
  if (to === from || to - from > 9 || text[from] === '0') return 0
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return 0
    value = value * 10 + digit
  }
  return value
}

function handFormatFlags({ compressed, encrypted, chunk }) {
  const letters = `${compressed ? 'z' : ''}${encrypted ? 'e' : ''}`
  return chunk === undefined ? letters || '-' : `${letters}${chunk.index}/${chunk.total}`
}
