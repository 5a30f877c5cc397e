import { WgrokError } from '../errors.js'
import { BULK, breathe, byteSlices } from './slices.js'

/** Length of the base64 of `bytes` bytes. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4
}

/** Encodes, in slices when there are very many bytes. */
export async function encodeBase64(bytes: Buffer, signal?: AbortSignal): Promise<string> {
  if (bytes.length <= 2 * BULK) return bytes.toString('base64')
  const parts: string[] = []
  // The size is divisible by three, so that only the last slice is padded.
  for (const slice of byteSlices(bytes, BULK)) {
    parts.push(slice.toString('base64'))
    await breathe(signal)
  }
  return parts.join('')
}

/**
 * Decodes base64 as RFC 4648 section 4 writes it: that alphabet, padded, no white space, unused bits zero.
 *
 * @throws WgrokError `base64-invalid`
 */
export function decodeBase64(text: string): Buffer {
  const bytes = tryBase64(text)
  if (bytes === undefined) throw new WgrokError('base64-invalid', 'not strict base64')
  return bytes
}

/** As {@link decodeBase64}, but undefined instead of an error. */
export function tryBase64(text: string): Buffer | undefined {
  const { length } = text
  if (length % 4 !== 0) return undefined
  if (length === 0) return Buffer.alloc(0)
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = Buffer.from(text, 'base64')
  // Node skips what it does not know, so every character outside the alphabet makes the result shorter than the text
  // promises. What it takes beyond the alphabet is looked for: the URL-safe pair, and characters over U+00FF, of which
  // it reads the low byte.
  if (bytes.length !== (length / 4) * 3 - padding) return undefined
  if (text.includes('-') || text.includes('_') || Buffer.byteLength(text, 'utf8') !== length) return undefined
  // Bits after the last byte would let two texts mean the same.
  if (padding > 0 && bytes.toString('base64', bytes.length - (3 - padding)) !== text.slice(-4)) return undefined
  return bytes
}
