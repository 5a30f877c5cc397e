import { createDecipheriv, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { decode } from '../../src/codec/decode.js'
import { type KeyRing, keyRing } from '../../src/codec/keys.js'
import { open, seal, sealedLength } from '../../src/codec/seal.js'
import { BULK as SLICE } from '../../src/codec/slices.js'

const SECRET = Buffer.from('0123456789abcdef0123456789abcdef')
const KEY = SECRET.toString('base64')

function ring(...keys: string[]): KeyRing {
  const made = keyRing(keys)
  if (made === undefined) throw new Error('no keys')
  return made
}

describe('seal', () => {
  it('writes IV, ciphertext and tag, so that plain AES-256-GCM opens it', async () => {
    const sealed = Buffer.from(await seal('aé€𝄞', ring(KEY)), 'base64')
    const decipher = createDecipheriv('aes-256-gcm', SECRET, sealed.subarray(0, 12))
    decipher.setAuthTag(sealed.subarray(-16))
    expect(decipher.update(sealed.subarray(12, -16), undefined, 'utf8') + decipher.final('utf8')).toBe('aé€𝄞')
  })

  it('uses an IV only once', async () => {
    const keys = ring(KEY)
    const ivs = new Set<string>()
    for (let i = 0; i < 500; i++) ivs.add((await seal('x', keys)).slice(0, 16))
    expect(ivs.size).toBe(500)
  })

  it.each([0, 1, 2, 3, 100, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE + 5])('opens again: %i bytes', async length => {
    const bytes = randomBytes(length)
    const text = await seal(bytes, ring(KEY))
    expect(text.length).toBe(sealedLength(length))
    expect((await open(Buffer.from(text, 'base64'), ring(KEY))).equals(bytes)).toBe(true)
  })

  it('cuts large text between characters, never inside', async () => {
    const text = `a${'𝄞'.repeat(SLICE / 2 + 7)}€`
    expect(await decode(await seal(text, ring(KEY)), { compressed: false, encrypted: true }, { keys: ring(KEY) })).toBe(
      text,
    )
  })

  it('encrypts with the first key and opens with any', async () => {
    const other = randomBytes(32).toString('base64')
    const sealed = Buffer.from(await seal('x', ring(KEY, other)), 'base64')
    expect(String(await open(sealed, ring(other, KEY)))).toBe('x')
    await expect(open(sealed, ring(other))).rejects.toMatchObject({ code: 'decrypt-failed' })
  })

  it.each([0, 11, 12, 500_000, 1_200_000, -17, -16, -1])('notices a changed bit at %i of a large text', async at => {
    const sealed = Buffer.from(await seal(randomBytes(2 * SLICE), ring(KEY)), 'base64')
    const index = at < 0 ? sealed.length + at : at
    sealed.writeUInt8(sealed.readUInt8(index) ^ 4, index)
    await expect(open(sealed, ring(KEY))).rejects.toMatchObject({ code: 'decrypt-failed' })
  })

  it('stops when the caller gives up', async () => {
    const controller = new AbortController()
    const sealing = seal(randomBytes(8 * SLICE), ring(KEY), controller.signal)
    controller.abort()
    await expect(sealing).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('a key ring', () => {
  it('is undefined without keys', () => {
    expect(keyRing([])).toBeUndefined()
  })

  it('names the position of a bad key and not the key', () => {
    expect(() => keyRing([KEY, 'hunter2'])).toThrow('[key-invalid] key 2 is not 32 bytes in base64')
  })

  it('shows no key when printed or serialised', () => {
    const keys = ring(KEY)
    const shown = `${inspect(keys, { depth: 9, showHidden: true })} ${JSON.stringify(keys)} ${String(keys)}`
    for (const form of [KEY, SECRET.toString('hex'), SECRET.toString('latin1')]) expect(shown).not.toContain(form)
  })
})
