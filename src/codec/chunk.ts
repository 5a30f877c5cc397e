import { WgrokError } from '../errors.js'
import { meterFor } from '../frame/measure.js'
import type { ChunkPosition, FrameLimit } from '../protocol.js'
import { breathe, SLICE } from './slices.js'

/** What all frames of a payload have in common. */
export interface FrameShape {
  readonly limit: FrameLimit
  /** That payloads are base64. Default false. */
  readonly coded?: boolean
  /** Most chunks that may be made. */
  readonly maxChunks: number
  /** Writes a frame; without a chunk when one frame is enough. */
  format(chunk: ChunkPosition | undefined, payload: string): string
}

/**
 * Cuts a payload into as few parts as the platform's limit allows.
 *
 * Every part is measured with the frame around it, in the platform's unit. No surrogate pair is split.
 *
 * @throws WgrokError `frame-too-large` when prefix, slugs and flags leave no room, `too-many-chunks`, `aborted`
 */
export async function splitPayload(payload: string, shape: FrameShape, signal?: AbortSignal): Promise<string[]> {
  const ends = await findEnds(payload, shape, signal)
  return ends.map((end, i) => payload.slice(i === 0 ? 0 : ends[i - 1], end))
}

/** Puts a frame around every part; `N/M` only where there are several. */
export function writeFrames(parts: readonly string[], shape: FrameShape): string[] {
  const total = parts.length
  return parts.map((part, i) => shape.format(total === 1 ? undefined : { index: i + 1, total }, part))
}

/** How many frames a payload needs of which every character counts one; Infinity when it does not fit at all. */
export function countFrames(length: number, shape: FrameShape): number {
  const whole = room(shape)
  if (whole < 0) return Number.POSITIVE_INFINITY
  if (length <= whole) return 1
  for (let digits = 1; ; digits++) {
    const most = mostChunks(digits, shape)
    let left = length
    let count = 0
    // All chunks whose number has as many digits have the same room.
    for (let first = 1; first <= most; first *= 10) {
      const each = room(shape, first, digits)
      if (each <= 0) return Number.POSITIVE_INFINITY
      const used = Math.min(Math.ceil(left / each), most - count, 9 * first)
      count += used
      left -= used * each
      if (left <= 0) return count
    }
    if (most === shape.maxChunks) return Number.POSITIVE_INFINITY
  }
}

/** Where each chunk of the payload ends. */
async function findEnds(payload: string, shape: FrameShape, signal: AbortSignal | undefined): Promise<number[]> {
  const { length } = payload
  const meter = meterFor(shape.limit)
  const flat = meter.flat(payload, shape.coded)
  if (length > SLICE) await breathe(signal)
  const reach = flat
    ? (start: number, space: number) => Math.min(start + space, length)
    : (start: number, space: number) => meter.reach(payload, start, space)
  const whole = room(shape)
  if (whole < 0) throw tooLarge(shape)
  if (reach(0, whole) === length) return [length]
  // The room depends on the digits of M, which depends on the room: try one digit, then two …
  for (let digits = 1; ; digits++) {
    const most = mostChunks(digits, shape)
    const ends: number[] = []
    let at = 0
    let space = 0
    let breath = SLICE
    while (at < length && ends.length < most) {
      if (isPowerOfTen(ends.length + 1)) space = room(shape, ends.length + 1, digits)
      const end = reach(at, space)
      if (end <= at) throw tooLarge(shape)
      ends.push(end)
      at = end
      if (at < breath) continue
      breath = at + SLICE
      await breathe(signal)
    }
    if (at === length) return ends
    if (most === shape.maxChunks) {
      throw new WgrokError('too-many-chunks', `the payload needs more than ${shape.maxChunks} chunks`)
    }
  }
}

/** Units left for the payload in chunk `index` of a number of chunks with that many digits, or in a frame of its own. */
function room(shape: FrameShape, index?: number, digits = 1): number {
  const chunk = index === undefined ? undefined : { index, total: 10 ** digits - 1 }
  return shape.limit.size - meterFor(shape.limit).size(shape.format(chunk, ''))
}

function mostChunks(digits: number, shape: FrameShape): number {
  return Math.min(10 ** digits - 1, shape.maxChunks)
}

function isPowerOfTen(count: number): boolean {
  return Number.isInteger(Math.log10(count))
}

function tooLarge(shape: FrameShape): WgrokError {
  const { size, unit } = shape.limit
  return new WgrokError('frame-too-large', `the slugs leave no room for a payload in ${size} ${unit}`)
}
