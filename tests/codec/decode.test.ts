import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { decode } from '../../src/codec/decode.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'

const Z = { compressed: true, encrypted: false }
const LIMIT = { size: 1e9, unit: 'utf8-bytes' } as const
const KEYS = keyRing([Buffer.alloc(32, 1).toString('base64')])

async function payloadOf(text: string, options: object): Promise<string> {
  const { frames } = await encode(text, { to: 'a', from: 'b', limit: LIMIT, ...options })
  return (frames[0] ?? '').split(':').slice(4).join(':')
}

describe('decode', () => {
  it('stops a gzip bomb at the limit of the spec, on both sides of the thread pool', async () => {
    const bomb = gzipSync(Buffer.alloc(LIMITS.decompressedMax + 1)).toString('base64')
    const before = process.memoryUsage().rss
    await expect(decode(bomb, Z)).rejects.toMatchObject({ code: 'decompressed-too-large' })
    expect(process.memoryUsage().rss - before).toBeLessThan(3 * LIMITS.decompressedMax)
    const small = gzipSync(Buffer.alloc(100_000)).toString('base64')
    await expect(decode(small, Z, { maxBytes: 99_999 })).rejects.toMatchObject({ code: 'decompressed-too-large' })
    expect((await decode(small, Z, { maxBytes: 100_000 })).length).toBe(100_000)
  })

  it.each([0, 100, 2 ** 31, 2 ** 32 - 1])('is not deceived by the size that gzip claims: %i', async size => {
    const packed = gzipSync(randomBytes(500_000).toString('hex'))
    packed.writeUInt32LE(size, packed.length - 4)
    await expect(decode(packed.toString('base64'), Z)).rejects.toMatchObject({ code: 'gzip-invalid' })
  })

  it('reads gzip of several members, of which the last says its size', async () => {
    const text = randomBytes(500_000).toString('hex')
    const packed = Buffer.concat([gzipSync(text), gzipSync('x')])
    expect((await decode(packed.toString('base64'), Z)) === `${text}x`).toBe(true)
  })

  it('with a limit of nothing takes only nothing', async () => {
    expect(await decode(gzipSync('').toString('base64'), Z, { maxBytes: 0 })).toBe('')
    await expect(decode(gzipSync('x').toString('base64'), Z, { maxBytes: 0 })).rejects.toMatchObject({
      code: 'decompressed-too-large',
    })
  })

  it.each([200, 200_000])('refuses gzip of %i random bytes cut at any place', async size => {
    const packed = gzipSync(randomBytes(size).toString('hex'))
    const step = Math.ceil(packed.length / 60)
    for (let length = 0; length < packed.length; length += step) {
      const text = packed.subarray(0, length).toString('base64')
      await expect(decode(text, Z)).rejects.toMatchObject({ code: 'gzip-invalid' })
    }
  })

  it.each([200, 200_000])('refuses anything behind gzip of %i bytes', async size => {
    const packed = gzipSync(randomBytes(size).toString('hex'))
    for (const tail of [Buffer.alloc(1), Buffer.alloc(40), Buffer.from('x'), Buffer.from([0x1f, 0x8b])]) {
      const text = Buffer.concat([packed, tail]).toString('base64')
      await expect(decode(text, Z)).rejects.toMatchObject({ code: 'gzip-invalid' })
    }
  })

  it('keeps a cause for debugging, and no payload in the message', async () => {
    const error = await decode(Buffer.from('no gzip, but secret').toString('base64'), Z).catch(caught => caught)
    expect(error).toMatchObject({ code: 'gzip-invalid', message: '[gzip-invalid] does not decompress' })
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('refuses to begin when the caller has given up', async () => {
    const reason = AbortSignal.abort()
    await expect(decode('x', { compressed: false, encrypted: false }, { signal: reason })).rejects.toMatchObject({
      code: 'aborted',
    })
  })
})

describe.each([
  ['plain', {}, false],
  ['z', { compress: 'always' }, true],
  ['e', { keys: KEYS }, true],
  ['ze', { keys: KEYS, compress: 'always' }, true],
  ['compact ze', { keys: KEYS, compress: 'always', compact: true }, true],
] as const)('a payload of 10 MiB as %s', (_name, options, coded) => {
  const flags = { compressed: 'compress' in options, encrypted: 'keys' in options }
  const text = 'wgrök €𝄞 '.repeat(900_000).slice(0, 10 * 2 ** 20)

  it('comes back, and lets timers run meanwhile', async () => {
    let ticks = 0
    const timer = setInterval(() => {
      ticks += 1
    }, 5)
    const payload = await payloadOf(text, options)
    const back = await decode(payload, flags, { keys: KEYS })
    clearInterval(timer)
    expect(back === text).toBe(true)
    if (coded) expect(ticks).toBeGreaterThan(5)
  })
})
