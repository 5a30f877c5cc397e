import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEcho, parseFlags } from '../../generated/frames.js'
import { FRAGILE, FRAME_LIMITS } from '../../generated/limits.js'
import { PLATFORMS } from '../../generated/models.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import { Reassembler } from '../../src/codec/reassembler.js'

const BASE = { to: 'worker', from: 'relay', limit: FRAME_LIMITS.webex }
const KEYS = keyRing([Buffer.alloc(32).toString('base64')])

describe('encode', () => {
  it.each(PLATFORMS)('never puts what %s would damage at the edge of a plain message', async platform => {
    const fragile = FRAGILE[platform]
    const char = fc.constantFrom('a', 'b', ' ', 'é', '𝄞', '\t', 'x')
    await fc.assert(
      fc.asyncProperty(fc.array(char, { minLength: 1, maxLength: 30 }), async piece => {
        const payload = `x${piece.join('').repeat(200)}x`
        const { frames } = await encode(payload, { ...BASE, limit: FRAME_LIMITS[platform], fragile, maxChunks: 9999 })
        for (const text of frames) {
          const frame = parseEcho(text)
          if (typeof frame === 'string') throw new Error(frame)
          if (fragile !== undefined && parseFlags(frame.flags)?.compressed === false) {
            expect(frame.payload).not.toMatch(fragile)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  it('is not led astray by a pattern that remembers where it was', async () => {
    const fragile = /&/g
    fragile.lastIndex = 5
    expect((await encode('a&b', { ...BASE, fragile })).flags.compressed).toBe(true)
  })

  it('says nothing of a chunk in the flags it returns, and freezes nothing that was given', async () => {
    const { flags, frames } = await encode('x'.repeat(20_000), BASE)
    expect(flags).toEqual({ compressed: false, encrypted: false })
    expect(frames.length).toBe(3)
  })

  it('answers a slug that is longer than ours may be', async () => {
    const to = 's'.repeat(300)
    const { frames } = await encode('x', { ...BASE, to, envelope: 'response' })
    expect(frames).toEqual([`${to}:relay:-:x`])
  })

  it('does not repeat the payload in an error', async () => {
    for (const options of [{ maxChunks: 1 }, { limit: { size: 25, unit: 'utf8-bytes' as const } }, { to: 'a b' }]) {
      const error = await encode('secret'.repeat(2000), { ...BASE, ...options }).catch(caught => caught)
      expect(error).toMatchObject({ name: 'WgrokError', message: expect.not.stringContaining('secret') })
    }
  })

  it('stops when the caller gives up, before and meanwhile', async () => {
    const given = { ...BASE, keys: KEYS, compress: 'always' as const, maxChunks: 100_000 }
    await expect(encode('x', { ...given, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
    const controller = new AbortController()
    const encoding = encode('payload '.repeat(1_000_000), { ...given, signal: controller.signal })
    setImmediate(() => controller.abort())
    await expect(encoding).rejects.toMatchObject({ code: 'aborted' })
  })

  it('never makes the same ciphertext twice', async () => {
    const [first, second] = await Promise.all([
      encode('x', { ...BASE, keys: KEYS }),
      encode('x', { ...BASE, keys: KEYS }),
    ])
    expect(first.frames).not.toEqual(second.frames)
  })
})

it('chunks in any order give the payload back', async () => {
  const payload = 'aé€𝄞'.repeat(700)
  const { frames } = await encode(payload, { ...BASE, limit: FRAME_LIMITS.irc })
  const chunks = frames.map(text => {
    const frame = parseEcho(text)
    const chunk = typeof frame === 'string' ? undefined : parseFlags(frame.flags)?.chunk
    if (typeof frame === 'string' || chunk === undefined) throw new Error('no chunk')
    return { chunk, payload: frame.payload }
  })
  fc.assert(
    fc.property(fc.shuffledSubarray(chunks, { minLength: chunks.length }), order => {
      const reassembler = new Reassembler()
      const key = {
        platform: 'irc',
        conversation: 'c',
        sender: 's',
        to: 'a',
        from: 'b',
        compressed: false,
        encrypted: false,
      } as const
      const joined = order.map(part => reassembler.accept(key, part.chunk, part.payload))
      expect(joined.pop()).toBe(payload)
      expect(joined.every(text => text === undefined)).toBe(true)
      expect(reassembler.size).toBe(0)
      reassembler.close()
    }),
    { numRuns: 200 },
  )
})
