import { setImmediate } from 'node:timers/promises'
import { WgrokError } from '../errors.js'
import { splitsPair } from '../frame/unicode.js'

/**
 * How much slow work (UTF-8 to text, counting characters) is done before other work gets its turn, in bytes or UTF-16
 * units: about 5 ms on a small machine.
 */
export const SLICE: number = 3 * 2 ** 18

/**
 * How much fast work (AES, base64, text to UTF-8) is done before other work gets its turn, in bytes or UTF-16 units:
 * about 5 ms as well. Most payloads are smaller and pass undivided, which saves a copy.
 */
export const BULK: number = 3 * 2 ** 21

/** @throws WgrokError once the signal is aborted: its reason when that is one, else `aborted` or `timeout`. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw WgrokError.from(signal.reason, 'aborted')
}

/**
 * Lets timers and sockets have their turn.
 *
 * @throws WgrokError as {@link checkSignal} does
 */
export async function breathe(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate()
  checkSignal(signal)
}

/** The text in slices of at most `size` units, no surrogate pair split. */
export function* textSlices(text: string, size: number): Generator<string, void> {
  for (let start = 0; start < text.length; ) {
    const end = start + size
    const cut = end < text.length && splitsPair(text, end) ? end - 1 : end
    yield text.slice(start, cut)
    start = cut
  }
}

/** The bytes in slices of at most `size`, as views. */
export function* byteSlices(bytes: Buffer, size: number): Generator<Buffer, void> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size)
}
