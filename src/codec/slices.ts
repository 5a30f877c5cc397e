import { setImmediate } from 'node:timers/promises'
import { WgrokError } from '../errors.js'
import { splitsPair } from '../frame/unicode.js'

/**
 * How much is worked on before other work gets its turn, in bytes or UTF-16 units.
 *
 * Divisible by 3 and by 4, so that base64 of the slices is the base64 of the whole. The slowest stage (UTF-8 to text)
 * needs about 5 ms for it on a small machine.
 */
export const SLICE: number = 3 * 2 ** 18

/** Up to this size, in bytes, gzip runs at once; above it on the thread pool, whose hand-over costs less than the work. */
export const THREAD_FROM: number = 64 * 1024

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

/** The text in slices of at most {@link SLICE} units, no surrogate pair split. */
export function* textSlices(text: string): Generator<string, void> {
  for (let start = 0; start < text.length; ) {
    const end = start + SLICE
    const cut = end < text.length && splitsPair(text, end) ? end - 1 : end
    yield text.slice(start, cut)
    start = cut
  }
}

/** The bytes in slices of at most {@link SLICE}, as views. */
export function* byteSlices(bytes: Buffer): Generator<Buffer, void> {
  for (let start = 0; start < bytes.length; start += SLICE) yield bytes.subarray(start, start + SLICE)
}
