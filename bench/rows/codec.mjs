import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { gunzipSync, gzipSync } from 'node:zlib'
import { compare, growth, interleave, median, same } from '../lib/measure.mjs'
import { peakMemory } from '../lib/memory.mjs'
import { shipped } from '../lib/place.mjs'
import { duration, number, size } from '../lib/report.mjs'
import { json } from '../lib/texts.mjs'

const KiB = 1024
const SIZES = [KiB, 64 * KiB, 1024 * KiB, 10 * 1024 * KiB]
const KEY = Buffer.alloc(32, 7)
/** One frame for everything: cutting is a row of its own. */
const WHOLE = { size: 2 ** 31, unit: 'utf8-bytes' }
const WEBEX = { size: 7439, unit: 'utf8-bytes' }
const MODES = {
  z: { compress: 'always', limit: WHOLE },
  e: { encrypt: true, limit: WHOLE },
  ze: { compress: 'always', encrypt: true, limit: WHOLE },
  'ze chunked': { compress: 'always', encrypt: true, limit: WEBEX },
}

/** The way out and the way in of a payload, against the bare functions of Node on the same bytes. */
export async function run({ quick, progress }) {
  const codec = await shipped('src/index.js')
  const keys = codec.keyRing([KEY.toString('base64')])
  const lines = []
  const series = {}
  const texts = SIZES.map(length => json(length))
  for (const [mode, { compress = 'never', encrypt = false, limit }] of Object.entries(MODES)) {
    const options = { to: 'deploy', from: 'ci', limit, compress, maxChunks: 1e6, ...(encrypt ? { keys } : {}) }
    for (const text of quick ? texts.slice(0, -1) : texts) {
      const { length } = text
      progress(`${mode} ${size(length)}`)
      const chunked = limit === WEBEX
      const raw = rawCodec(compress === 'always', encrypt, chunked)
      const encode = () => codec.encode(text, options)
      const { flags, frames } = await encode()
      const rawFrames = raw.encode(text)
      const decode = frames => decodeFrames(codec, frames, flags, keys)
      same((await decode(frames)).length, length, 'decode')
      if ((await decode(rawFrames)) !== text || raw.decode(frames) !== text) throw new Error(`${mode}: texts differ`)
      const ms = quick ? 120 : length > 1e7 ? 3_000 : 1_600
      const rounds = length > 1e7 ? 11 : quick ? 3 : 21
      const out = await interleave({ ours: repeat(encode), raw: repeat(() => raw.encode(text)) }, { ms, rounds })
      const back = await interleave(
        { ours: repeat(() => decode(frames)), raw: repeat(() => raw.decode(frames)) },
        { ms, rounds },
      )
      const most = length < 64 * KiB ? 1.3 : 1.05
      lines.push(line(`encode ${mode} ${size(length)}`, out, most), line(`decode ${mode} ${size(length)}`, back, most))
      for (const [name, figures] of [
        [`encode ${mode}`, out],
        [`decode ${mode}`, back],
      ]) {
        series[name] ??= []
        series[name].push([length, median(figures.ours) / 1e3])
      }
    }
  }
  const slope = Math.max(...Object.values(series).map(points => growth(points)))
  lines.push({
    what: 'growth with the payload',
    ratio: slope,
    unit: 'exponent',
    reach: { most: 1.1 },
    detail: 'slope of the steepest series in the chart',
  })
  lines.push(...(await blocking(codec, keys, texts[3], quick, progress)))
  for (const mode of quick ? ['ze'] : ['z', 'e', 'ze']) {
    for (const direction of ['encode', 'decode']) {
      progress(`memory of ${direction} ${mode}`)
      const [ours, raw] = await Promise.all(['ours', 'raw'].map(side => peakMemory(direction, mode, side, quick)))
      const detail = `${size(ours)} beyond the input, raw ${size(raw)}`
      lines.push({
        what: `memory of ${direction} ${mode} 10 MiB`,
        ratio: ours / SIZES[3],
        unit: 'x payload',
        reach: { most: 3 },
        detail,
      })
    }
  }
  const pick = Object.fromEntries(Object.entries(series).filter(([name]) => !name.includes('chunked')))
  return { lines, charts: { codec: { title: 'Encode and decode', x: 'payload, bytes', y: 'time, us', series: pick } } }
}

function line(what, figures, most) {
  const detail = `${duration(median(figures.ours))}, raw ${duration(median(figures.raw))}`
  return { what, ...compare(figures.ours, figures.raw), reach: { most }, detail }
}

function repeat(work) {
  return async count => {
    for (let i = 0; i < count; i++) await work()
  }
}

async function decodeFrames(codec, frames, flags, keys) {
  const bare = frames.map(frame => codec.parseEcho(frame))
  let whole = bare[0].payload
  if (bare.length > 1) {
    const reassembler = new codec.Reassembler({ maxChunks: 1e6 })
    const key = { platform: 'webex', conversation: 'r', sender: 's', to: 'deploy', from: 'ci', ...flags }
    for (const frame of bare) whole = reassembler.accept(key, codec.parseFlags(frame.flags).chunk, frame.payload)
    reassembler.close()
  }
  return await codec.decode(whole, flags, { keys })
}

/** What somebody would write who has no limits, no errors and no other work to think of. */
export function rawCodec(compressed, encrypted, chunked) {
  const letters = `${compressed ? 'z' : ''}${encrypted ? 'e' : ''}`
  const chunkSize = 7439 - '././echo:deploy:ci:ze1000/1000:'.length
  return {
    encode(text) {
      let inner = text
      if (compressed) inner = gzipSync(Buffer.from(inner, 'utf8')).toString('base64')
      if (encrypted) inner = seal(inner)
      const total = chunked ? Math.ceil(inner.length / chunkSize) : 1
      if (total === 1) return [`./echo:deploy:ci:${letters}:${inner}`]
      return Array.from({ length: total }, (_, i) => {
        return `./echo:deploy:ci:${letters}${i + 1}/${total}:${inner.slice(i * chunkSize, (i + 1) * chunkSize)}`
      })
    },
    decode(frames) {
      let inner = frames.map(frame => frame.slice(frame.indexOf(':', 17) + 1)).join('')
      if (encrypted) inner = unseal(inner)
      else inner = Buffer.from(inner, 'base64')
      if (compressed) inner = gunzipSync(encrypted ? Buffer.from(inner.toString('latin1'), 'base64') : inner)
      return inner.toString('utf8')
    },
  }
}

function seal(text) {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', KEY, iv)
  const body = cipher.update(text, 'utf8')
  cipher.final()
  return Buffer.concat([iv, body, cipher.getAuthTag()]).toString('base64')
}

function unseal(text) {
  const sealed = Buffer.from(text, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', KEY, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAuthTag(sealed.subarray(sealed.length - 16))
  const plain = decipher.update(sealed.subarray(12, sealed.length - 16))
  decipher.final()
  return plain
}

/**
 * The longest time for which nothing else gets a turn while 10 MiB are under way. The least of several tries: what other
 * programs on the machine take only ever adds to it.
 */
async function blocking(codec, keys, text, quick, progress) {
  const lines = []
  for (const [mode, { compress = 'never', encrypt = false, limit }] of Object.entries(MODES)) {
    progress(`event loop during ${mode}`)
    const options = { to: 'deploy', from: 'ci', limit, compress, maxChunks: 1e6, ...(encrypt ? { keys } : {}) }
    const { flags, frames } = await codec.encode(text, options)
    for (const [direction, work] of [
      ['encode', () => codec.encode(text, options)],
      ['decode', () => decodeFrames(codec, frames, flags, keys)],
    ]) {
      const gaps = []
      for (let i = 0; i < (quick ? 1 : 7); i++) gaps.push(await longestGap(work))
      const detail = `${number(Math.min(...gaps))} to ${number(Math.max(...gaps))} ms`
      lines.push({
        what: `event loop blocked, ${direction} ${mode} 10 MiB`,
        ratio: Math.min(...gaps),
        unit: 'ms',
        reach: { most: 20 },
        detail,
      })
    }
  }
  return lines
}

async function longestGap(work) {
  globalThis.gc?.()
  let longest = 0
  let last = performance.now()
  let running = true
  const beat = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (running) setImmediate(beat)
  }
  setImmediate(beat)
  await work()
  running = false
  beat()
  return longest
}
