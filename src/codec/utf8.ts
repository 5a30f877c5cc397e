import { isAscii, isUtf8 } from 'node:buffer'
import { WgrokError } from '../errors.js'
import { BULK, breathe, SLICE, textSlices } from './slices.js'

/** The UTF-8 bytes of a text, written in slices when there are many. The text must be well-formed. */
export async function toUtf8(text: string, signal?: AbortSignal): Promise<Buffer> {
  const length = Buffer.byteLength(text, 'utf8')
  // ASCII, which Node copies faster as Latin-1.
  if (length === text.length && length <= 2 * BULK) return Buffer.from(text, 'latin1')
  if (text.length <= 2 * SLICE) return Buffer.from(text, 'utf8')
  const bytes = Buffer.allocUnsafe(length)
  let offset = 0
  for (const slice of textSlices(text, 2 * SLICE)) {
    offset += bytes.write(slice, offset, 'utf8')
    await breathe(signal)
  }
  return bytes
}

/**
 * The text of UTF-8 bytes, a leading U+FEFF kept.
 *
 * @throws WgrokError `utf8-invalid`
 */
export async function fromUtf8(bytes: Buffer, signal?: AbortSignal): Promise<string> {
  // ASCII is copied; all other bytes are worked out, ten times as slowly.
  const ascii = isAscii(bytes)
  if (!ascii && !isUtf8(bytes)) throw new WgrokError('utf8-invalid', 'decoded bytes are not UTF-8')
  const [size, encoding] = ascii ? ([2 * BULK, 'latin1'] as const) : ([SLICE, 'utf8'] as const)
  if (bytes.length <= size) return bytes.toString(encoding)
  const parts: string[] = []
  for (let start = 0; start < bytes.length; ) {
    let end = Math.min(start + size, bytes.length)
    while (end < bytes.length && isContinuation(bytes[end])) end--
    parts.push(bytes.toString(encoding, start, end))
    start = end
    await breathe(signal)
  }
  return parts.join('')
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}
