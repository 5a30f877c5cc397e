import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEcho, parseResponse } from '../../generated/frames.js'
import { FRAGILE, FRAME_LIMITS, type FrameLimit } from '../../generated/limits.js'
import { PLATFORMS } from '../../generated/models.js'
import { decode } from '../../src/codec/decode.js'
import { type EncodeOptions, encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import { Reassembler } from '../../src/codec/reassembler.js'
import { WgrokError } from '../../src/errors.js'
import { readFlags } from '../../src/frame/flags.js'

/** Counts without the library: a second opinion on every frame. */
function units(text: string, limit: FrameLimit): number {
  let size = 0
  for (const char of text) {
    const natural = {
      'utf8-bytes': new TextEncoder().encode(char).length,
      'utf16-units': char.length,
      'code-points': 1,
    }
    size += limit.costs?.[char] ?? natural[limit.unit]
  }
  return size
}

const KEYS = keyRing([Buffer.alloc(32, 7).toString('base64')])

const anyChar = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...'abcxyz0189 :&<>\n\r\t*_~`@/') },
  { weight: 2, arbitrary: fc.constantFrom('é', 'ß', 'Ж', '\u0080', '\u07ff') },
  { weight: 2, arbitrary: fc.constantFrom('€', '中', '\u2028', '\ufeff', '\uffff', '\u0800') },
  { weight: 2, arbitrary: fc.constantFrom('𝄞', '👩', '\u{10000}', '\u{10ffff}') },
)
const slugChar = anyChar.filter(char => !/[:\s\p{Cc}]/u.test(char))
const slug = fc
  .array(slugChar, { minLength: 1, maxLength: 64 })
  .map(chars => chars.join(''))
  .filter(text => !text.startsWith('./'))

/** Payloads of one to some thousand characters: long runs come from repeating a short piece. */
const payload = fc
  .tuple(fc.array(anyChar, { maxLength: 40 }), fc.integer({ min: 1, max: 400 }), fc.array(anyChar, { maxLength: 9 }))
  .map(([piece, times, tail]) => piece.join('').repeat(times) + tail.join(''))

const options = fc.record({
  to: slug,
  from: fc.oneof(slug, fc.constant('-')),
  envelope: fc.constantFrom('echo' as const, 'response' as const),
  compress: fc.constantFrom('auto' as const, 'always' as const, 'never' as const),
  compact: fc.boolean(),
  keys: fc.constantFrom(undefined, KEYS),
})

async function receive(frames: readonly string[], envelope: EncodeOptions['envelope']): Promise<string> {
  const reassembler = new Reassembler({ maxChunks: 100_000 })
  let whole: string | undefined
  for (const text of frames) {
    const frame = envelope === 'response' ? parseResponse(text) : parseEcho(text)
    if (typeof frame === 'string') throw new Error(frame)
    const flags = readFlags(frame.flags)
    const { compressed, encrypted, chunk } = flags
    expect(whole).toBeUndefined()
    const key = { platform: 'irc', conversation: 'c', sender: 's', to: frame.to, from: frame.from } as const
    const joined =
      chunk === undefined ? frame.payload : reassembler.accept({ ...key, compressed, encrypted }, chunk, frame.payload)
    if (joined !== undefined) whole = await decode(joined, flags, { keys: KEYS })
  }
  reassembler.close()
  if (whole === undefined) throw new Error('incomplete')
  return whole
}

/** Fewest frames that could do, if every unit of every frame could be used. */
function fewest(frames: readonly string[], limit: FrameLimit, head: number, digits: number): number {
  const total = frames.reduce((sum, frame) => sum + units(frame, limit) - head, 0)
  return Math.ceil(total / (limit.size - head - digits))
}

describe.each(PLATFORMS)('frames for %s', platform => {
  const limit = FRAME_LIMITS[platform]
  const fragile = FRAGILE[platform]

  it('never exceed the limit, and give the payload back', async () => {
    await fc.assert(
      fc.asyncProperty(payload, options, fc.boolean(), async (text, given, armour) => {
        const all: EncodeOptions = { ...given, limit, maxChunks: 100_000, fragile: armour ? fragile : undefined }
        let frames: readonly string[]
        try {
          frames = (await encode(text, all)).frames
        } catch (error) {
          // Two slugs of 64 four-byte characters do not fit an IRC line at all.
          expect(error).toBeInstanceOf(WgrokError)
          expect((error as WgrokError).code).toBe('frame-too-large')
          expect(units(`./echo:${given.to}:${given.from}:z99999/99999:0000`, limit)).toBeGreaterThan(limit.size)
          return
        }
        const over = frames.filter(frame => units(frame, limit) > limit.size)
        expect(over.length).toBe(0)
        expect(await receive(frames, given.envelope)).toBe(text)
      }),
      { numRuns: 250 },
    )
  })

  it('are packed without waste', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('a', 'é', '€', '𝄞', '&'),
        fc.integer({ min: 1, max: 30_000 }),
        async (char, count) => {
          const { frames } = await encode(char.repeat(count), { to: 'to', from: 'from', limit, maxChunks: 100_000 })
          if (frames.length === 1) return
          const digits = String(frames.length).length
          const head = units(`./echo:to:from:${'9'.repeat(digits)}/${'9'.repeat(digits)}:`, limit)
          const each = Math.floor((limit.size - head) / units(char, limit))
          expect(frames.length).toBeLessThanOrEqual(Math.ceil(count / each))
        },
      ),
      { numRuns: 60 },
    )
  })
})

it('frames of mixed text are at most two per cent more than the least possible', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyChar, { minLength: 20, maxLength: 60 }), async piece => {
      const text = piece.join('').repeat(2000)
      const limit = FRAME_LIMITS.irc
      const { frames } = await encode(text, { to: 'to', from: 'from', limit, maxChunks: 100_000 })
      const digits = String(frames.length).length
      const least = fewest(frames, limit, units('./echo:to:from::', limit), digits + 2)
      expect(frames.length / least).toBeLessThanOrEqual(1.02)
    }),
    { numRuns: 8 },
  )
})
