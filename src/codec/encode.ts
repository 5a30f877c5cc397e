import { formatEcho, formatFlags, formatResponse } from '../../generated/frames.js'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import { checkSlug } from '../frame/slug.js'
import { isWellFormed } from '../frame/unicode.js'
import type { ChunkPosition, CompressMode, FlagSet, FrameLimit } from '../protocol.js'
import { base64Length, encodeBase64 } from './base64.js'
import { countFrames, type FrameShape, splitPayload, writeFrames } from './chunk.js'
import { gzip } from './gzip.js'
import type { KeyRing } from './keys.js'
import { seal, sealedLength } from './seal.js'
import { breathe, checkSignal, SLICE, textSlices } from './slices.js'
import { toUtf8 } from './utf8.js'

/** Options of {@link encode}. */
export interface EncodeOptions {
  /** Slug of the addressee. */
  readonly to: string
  /** Slug that answers go to; `-` for none. */
  readonly from: string
  /** Largest frame of the platform. */
  readonly limit: FrameLimit
  /** `echo` for frames to the router, `response` for what it relays. Default `echo`. */
  readonly envelope?: 'echo' | 'response'
  /** `auto` compresses when that saves a frame. Default `never`. */
  readonly compress?: CompressMode | undefined
  /** Put gzip into the encryption as it is instead of as base64. Default false. */
  readonly compact?: boolean | undefined
  /** Keys to encrypt with. Default: no encryption. */
  readonly keys?: KeyRing | undefined
  /** Default `LIMITS.chunksMax`. */
  readonly maxChunks?: number | undefined
  /** What the platform would damage: a plain payload that matches is compressed whatever `compress` says. */
  readonly fragile?: RegExp | undefined
  readonly signal?: AbortSignal | undefined
}

/** A payload as it goes onto the wire. */
export interface Encoded {
  /** Without the chunk position. */
  readonly flags: FlagSet
  /** The texts to send, in this order; at least one. */
  readonly frames: readonly string[]
}

/**
 * Makes frames of a payload: compress, encrypt, cut. Every frame fits `limit`, prefix, slugs and flags included.
 *
 * @throws WgrokError `payload-invalid` (half a surrogate pair), `slug-invalid`, `frame-too-large`, `too-many-chunks`,
 *   `aborted`
 */
export async function encode(payload: string, options: EncodeOptions): Promise<Encoded> {
  const { to, from, fragile, keys, compress = 'never', signal } = options
  checkSignal(signal)
  if (!isWellFormed(payload)) throw new WgrokError('payload-invalid', 'the payload holds half a surrogate pair')
  if (payload.length > SLICE) await breathe(signal)
  // A slug that a peer chose may be longer than ours; the limit bounds it.
  checkSlug(to, 'to', Number.POSITIVE_INFINITY)
  checkSlug(from, 'from', Number.POSITIVE_INFINITY)
  const encrypted = keys !== undefined
  if (compress === 'always') return await encodeCompressed(await gzipText(payload, signal), options)
  if (!encrypted && fragile !== undefined && (await matches(payload, fragile, signal))) {
    return await encodeCompressed(await gzipText(payload, signal), options)
  }
  if (compress === 'auto') {
    const packed = await worthwhile(payload, options)
    if (packed !== undefined) return await encodeCompressed(packed, options)
  }
  const flags: FlagSet = { compressed: false, encrypted }
  const shape = shapeOf(flags, options)
  const parts = await splitPayload(encrypted ? await seal(payload, keys, signal) : payload, shape, signal)
  // A cut can put white space at the end of a message, where some platforms trim it.
  if (!encrypted && fragile !== undefined && parts.length > 1 && parts.some(part => edgesMatch(part, fragile))) {
    return await encodeCompressed(await gzipText(payload, signal), options)
  }
  return { flags, frames: writeFrames(parts, shape) }
}

async function encodeCompressed(packed: Buffer, options: EncodeOptions): Promise<Encoded> {
  const { compact = false, keys, signal } = options
  const flags: FlagSet = { compressed: true, encrypted: keys !== undefined }
  const inner = compact && keys !== undefined ? packed : await encodeBase64(packed, signal)
  const text = keys === undefined ? String(inner) : await seal(inner, keys, signal)
  const shape = shapeOf(flags, options)
  return { flags, frames: writeFrames(await splitPayload(text, shape, signal), shape) }
}

/** The payload compressed, if that takes fewer frames than the payload as it is. */
async function worthwhile(payload: string, options: EncodeOptions): Promise<Buffer | undefined> {
  const { compact = false, keys, signal } = options
  const encrypted = keys !== undefined
  const plain = shapeOf({ compressed: false, encrypted }, options)
  const plainFrames = await countPlain(payload, encrypted, plain, signal)
  if (plainFrames === 1) return undefined
  const packed = await gzipText(payload, signal)
  const inner = compact && encrypted ? packed.length : base64Length(packed.length)
  const length = encrypted ? sealedLength(inner) : inner
  const frames = countFrames(length, shapeOf({ compressed: true, encrypted }, options))
  return frames < plainFrames ? packed : undefined
}

async function countPlain(
  payload: string,
  encrypted: boolean,
  shape: FrameShape,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (encrypted) return countFrames(sealedLength(Buffer.byteLength(payload, 'utf8')), shape)
  try {
    return (await splitPayload(payload, shape, signal)).length
  } catch (error) {
    if (error instanceof WgrokError && error.code === 'too-many-chunks') return Number.POSITIVE_INFINITY
    throw error
  }
}

function shapeOf(flags: FlagSet, options: EncodeOptions): FrameShape {
  const { to, from, limit, envelope = 'echo', maxChunks = LIMITS.chunksMax } = options
  const write = envelope === 'echo' ? formatEcho : formatResponse
  const format = (chunk: ChunkPosition | undefined, payload: string): string =>
    write({ to, from, flags: formatFlags(chunk === undefined ? flags : { ...flags, chunk }), payload })
  return { limit, coded: flags.compressed || flags.encrypted, maxChunks, format }
}

async function gzipText(text: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const packed = await gzip(await toUtf8(text, signal))
  checkSignal(signal)
  return packed
}

async function matches(text: string, pattern: RegExp, signal: AbortSignal | undefined): Promise<boolean> {
  // search() starts at 0 whatever `lastIndex` a sticky or global pattern was left with.
  if (text.length <= SLICE) return text.search(pattern) !== -1
  for (const slice of textSlices(text, SLICE)) {
    if (slice.search(pattern) !== -1) return true
    await breathe(signal)
  }
  return false
}

function edgesMatch(part: string, pattern: RegExp): boolean {
  return part.slice(0, 1).search(pattern) !== -1 || part.slice(-1).search(pattern) !== -1
}
