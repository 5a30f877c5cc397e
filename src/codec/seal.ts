import { type CipherGCM, createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { WgrokError } from '../errors.js'
import { base64Length, encodeBase64 } from './base64.js'
import type { KeyRing } from './keys.js'
import { BULK, breathe, byteSlices, SLICE, textSlices } from './slices.js'

const ALGORITHM = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/** Length in characters of what {@link seal} makes of `bytes` bytes. */
export function sealedLength(bytes: number): number {
  return base64Length(IV_BYTES + bytes + TAG_BYTES)
}

/** Encrypts with the first key under a random IV: `base64(iv12 || ciphertext || tag16)`. Text goes in as UTF-8. */
export async function seal(plain: string | Buffer, keys: KeyRing, signal?: AbortSignal): Promise<string> {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, keys.first, iv)
  const large = typeof plain === 'string' ? plain.length > 2 * SLICE : plain.length > BULK
  const sealed = large ? await sealSlices(plain, iv, cipher, signal) : sealNow(plain, iv, cipher)
  return await encodeBase64(sealed, signal)
}

function sealNow(plain: string | Buffer, iv: Buffer, cipher: CipherGCM): Buffer {
  const body = typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain)
  cipher.final()
  return Buffer.concat([iv, body, cipher.getAuthTag()])
}

async function sealSlices(
  plain: string | Buffer,
  iv: Buffer,
  cipher: CipherGCM,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  const isText = typeof plain === 'string'
  const length = isText ? Buffer.byteLength(plain, 'utf8') : plain.length
  const sealed = Buffer.allocUnsafe(IV_BYTES + length + TAG_BYTES)
  let offset = iv.copy(sealed)
  for (const slice of isText ? textSlices(plain, 2 * SLICE) : byteSlices(plain, BULK)) {
    const body = typeof slice === 'string' ? cipher.update(slice, 'utf8') : cipher.update(slice)
    offset += body.copy(sealed, offset)
    await breathe(signal)
  }
  cipher.final()
  cipher.getAuthTag().copy(sealed, offset)
  return sealed
}

/**
 * Decrypts `iv12 || ciphertext || tag16` with whichever key fits.
 *
 * @throws WgrokError `decrypt-failed` when none does or the bytes are too few
 */
export async function open(sealed: Buffer, keys: KeyRing, signal?: AbortSignal): Promise<Buffer> {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new WgrokError('decrypt-failed', 'shorter than an IV and a tag')
  for (const key of keys) {
    const plain = await openWith(key, sealed, signal)
    if (plain !== undefined) return plain
  }
  throw new WgrokError('decrypt-failed', 'no key opens the payload')
}

async function openWith(key: KeyObject, sealed: Buffer, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  const body = sealed.subarray(IV_BYTES, sealed.length - TAG_BYTES)
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  let plain: Buffer
  if (body.length <= BULK) {
    plain = decipher.update(body)
  } else {
    plain = Buffer.allocUnsafe(body.length)
    let offset = 0
    for (const slice of byteSlices(body, BULK)) {
      offset += decipher.update(slice).copy(plain, offset)
      await breathe(signal)
    }
  }
  try {
    decipher.final()
  } catch {
    // Whatever update() let through is not authentic; it goes no further.
    return undefined
  }
  return plain
}
