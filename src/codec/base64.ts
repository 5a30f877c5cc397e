import { WgrokError } from '../errors.js'
import { BULK, breathe, byteSlices } from './slices.js'

/** Length of the base64 of `bytes` bytes. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4
}

/** Encodes, in slices when there are very many bytes. */
export async function encodeBase64(bytes: Buffer, signal?: AbortSignal): Promise<string> {
  if (bytes.length <= 2 * BULK) return bytes.toString('base64')
  const text = new Base64Text()
  for (const slice of byteSlices(bytes, BULK)) {
    text.add(slice)
    await breathe(signal)
  }
  return text.end()
}

/** Base64 of bytes that come in pieces, which need not be joined for it. */
export class Base64Text {
  #text = ''
  /** Fewer than three bytes that wait for more. */
  #rest: Buffer = Buffer.alloc(0)

  add(bytes: Buffer): void {
    const missing = (3 - this.#rest.length) % 3
    if (missing > 0) {
      const three = Buffer.concat([this.#rest, bytes.subarray(0, missing)])
      if (three.length < 3) {
        this.#rest = three
        return
      }
      this.#text += three.toString('base64')
    }
    const end = bytes.length - ((bytes.length - missing) % 3)
    this.#text += bytes.toString('base64', missing, end)
    this.#rest = bytes.subarray(end)
  }

  /** The text, padded. */
  end(): string {
    return this.#text + this.#rest.toString('base64')
  }
}

/** Characters of which Node's decoder reads the low byte. In a text without any, V8 need not look for them. */
const WIDE = /[\u0100-\uffff]/

/**
 * Decodes base64 as RFC 4648 section 4 writes it: that alphabet, padded, no white space, unused bits zero.
 *
 * @param space where to put the bytes instead of new memory, if there is room enough
 * @throws WgrokError `base64-invalid`
 */
export function decodeBase64(text: string, space?: Buffer): Buffer {
  const bytes = tryBase64(text, space)
  if (bytes === undefined) throw new WgrokError('base64-invalid', 'not strict base64')
  return bytes
}

/**
 * As {@link decodeBase64}, in slices when there is very much text.
 *
 * @throws WgrokError `base64-invalid`, `aborted`
 */
export async function decodeBase64Text(text: string, signal?: AbortSignal): Promise<Buffer> {
  if (text.length <= BULK) return decodeBase64(text)
  const bytes = Buffer.allocUnsafe((text.length / 4) * 3)
  let offset = 0
  // The size is divisible by four, and only the last slice may be padded.
  for (let start = 0; start < text.length; start += BULK) {
    if (start * 3 !== offset * 4) throw new WgrokError('base64-invalid', 'padded in the middle')
    offset += decodeBase64(text.slice(start, start + BULK), bytes.subarray(offset)).length
    await breathe(signal)
  }
  return bytes.subarray(0, offset)
}

/** As {@link decodeBase64}, but undefined instead of an error. */
export function tryBase64(text: string, space?: Buffer): Buffer | undefined {
  const { length } = text
  if (length % 4 !== 0) return undefined
  if (length === 0) return Buffer.alloc(0)
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = space === undefined ? Buffer.from(text, 'base64') : space.subarray(0, space.write(text, 'base64'))
  // Node skips what it does not know, so every character outside the alphabet makes the result shorter than the text
  // promises. What it takes beyond the alphabet is looked for: the URL-safe pair, and wide characters.
  if (bytes.length !== (length / 4) * 3 - padding) return undefined
  if (text.includes('-') || text.includes('_') || WIDE.test(text)) return undefined
  // Bits after the last byte would let two texts mean the same.
  if (padding > 0 && bytes.toString('base64', bytes.length - (3 - padding)) !== text.slice(-4)) return undefined
  return bytes
}
