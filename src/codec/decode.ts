import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import type { FlagSet } from '../protocol.js'
import { decodeBase64, decodeBase64Text } from './base64.js'
import { gunzip, isGzip } from './gzip.js'
import type { KeyRing } from './keys.js'
import { open } from './seal.js'
import { BULK, breathe, checkSignal } from './slices.js'
import { fromUtf8 } from './utf8.js'

/** Options of {@link decode}. */
export interface DecodeOptions {
  /** Keys that may open an encrypted payload. Without any, such a payload is refused. */
  readonly keys?: KeyRing | undefined
  /** Largest size after decompression, in bytes. Default `LIMITS.decompressedMax`. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/**
 * Undoes {@link encode} for a whole payload: chunks are joined before. A payload without flags comes back as it is.
 *
 * Inside an encrypted and compressed payload both base64 (what everyone sends) and raw gzip (`compact`) are read.
 * Anything that does not decode to the last byte is refused, never passed on.
 *
 * @throws WgrokError `key-missing`, `base64-invalid`, `decrypt-failed`, `gzip-invalid`, `decompressed-too-large`,
 *   `utf8-invalid`, `aborted`
 */
export async function decode(payload: string, flags: FlagSet, options: DecodeOptions = {}): Promise<string> {
  const { keys, maxBytes = LIMITS.decompressedMax, signal } = options
  checkSignal(signal)
  if (flags.encrypted) {
    if (keys === undefined) throw new WgrokError('key-missing', 'the payload is encrypted and no key is configured')
    const plain = await open(await decodeBase64Text(payload, signal), keys, signal)
    if (plain.length > BULK) await breathe(signal)
    if (!flags.compressed) return await fromUtf8(plain, signal)
    const packed = isGzip(plain) ? plain : decodeBase64(plain.toString('latin1'), plain)
    return await fromUtf8(await gunzip(packed, maxBytes), signal)
  }
  if (!flags.compressed) return payload
  return await fromUtf8(await gunzip(await decodeBase64Text(payload, signal), maxBytes), signal)
}
