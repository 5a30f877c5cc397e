import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Base64Text, base64Length, decodeBase64, decodeBase64Text, tryBase64 } from '../../src/codec/base64.js'
import { BULK } from '../../src/codec/slices.js'

/** RFC 4648 by the letter, slow: what the fast one must agree with. */
function reference(text: string): Buffer | undefined {
  const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  const bytes = Buffer.from(text, 'base64')
  return form.test(text) && bytes.toString('base64') === text ? bytes : undefined
}

it('decodes what was encoded', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      const text = Buffer.from(bytes).toString('base64')
      expect(text.length).toBe(base64Length(bytes.length))
      expect(decodeBase64(text)).toEqual(Buffer.from(bytes))
    }),
  )
})

it('agrees with the specification on any text', () => {
  const char = fc.constantFrom(...'AQgw+/-_= \n\r\t.,Ł\u0141\u00c1\u2041𝄞\ud800\0'.split(''), 'B', 'C', 'D')
  fc.assert(
    fc.property(fc.array(char, { maxLength: 12 }), chars => {
      const text = chars.join('')
      expect(tryBase64(text)).toEqual(reference(text))
    }),
    { numRuns: 20_000 },
  )
})

it('agrees with the specification on valid text with one character changed', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(),
      fc.string({ minLength: 0, maxLength: 2 }),
      (bytes, at, by) => {
        const text = Buffer.from(bytes).toString('base64')
        const index = at % (text.length + 1)
        const changed = text.slice(0, index) + by + text.slice(index + 1)
        expect(tryBase64(changed)).toEqual(reference(changed))
      },
    ),
    { numRuns: 20_000 },
  )
})

it('agrees with the specification on text that was joined from pieces', () => {
  const half = randomBytes(30_000).toString('base64')
  expect(decodeBase64(half + half).length).toBe(60_000)
  expect(tryBase64(`${half}-${half.slice(1)}`)).toBeUndefined()
})

it('encodes pieces as it would encode them joined', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 9 }), pieces => {
      const text = new Base64Text()
      for (const piece of pieces) text.add(Buffer.from(piece))
      expect(text.end()).toBe(Buffer.concat(pieces).toString('base64'))
    }),
  )
})

it.each([0, 1, 2, 3])('decodes in slices what is long, and padding only at its end: %i bytes more', async more => {
  const bytes = randomBytes((BULK / 4) * 3 * 2 + more)
  const text = bytes.toString('base64')
  expect((await decodeBase64Text(text)).equals(bytes)).toBe(true)
  const padded = `${text.slice(0, BULK - 4)}AAA=${text.slice(BULK)}`
  for (const bad of [padded, `${text}A`, `${text.slice(0, -1)}.`, `A=${text}==`]) {
    await expect(decodeBase64Text(bad)).rejects.toMatchObject({ code: 'base64-invalid' })
  }
})

it('puts the bytes where it is told to', () => {
  const space = Buffer.from('YWJjZA==')
  const bytes = decodeBase64(space.toString('latin1'), space)
  expect(bytes).toEqual(Buffer.from('abcd'))
  expect(bytes.buffer).toBe(space.buffer)
})

it('names the code and not the text', () => {
  expect(() => decodeBase64('secret!!')).toThrow('[base64-invalid] not strict base64')
})
