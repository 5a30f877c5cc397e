import {
  type CipherGCM,
  createCipheriv,
  createDecipheriv,
  type DecipherGCM,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { WgrokError } from '../errors.js'
import { Base64Text, base64Length } from './base64.js'
import type { KeyRing } from './keys.js'
import { BULK, breathe, byteSlices, SLICE, textSlices } from './slices.js'

const ALGORITHM = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/** Up to this size, in bytes or UTF-16 units, IV, ciphertext and tag are joined; above it that would be slower. */
const SMALL = 4 * 1024

/** Length in characters of what {@link seal} makes of `bytes` bytes. */
export function sealedLength(bytes: number): number {
  return base64Length(IV_BYTES + bytes + TAG_BYTES)
}

/** Encrypts with the first key under a random IV: `base64(iv12 || ciphertext || tag16)`. Text goes in as UTF-8. */
export async function seal(plain: string | Buffer, keys: KeyRing, signal?: AbortSignal): Promise<string> {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(ALGORITHM, keys.first, iv)
  if (plain.length <= SMALL) return Buffer.concat([iv, encrypt(cipher, plain), finish(cipher)]).toString('base64')
  const sealed = new Base64Text()
  sealed.add(iv)
  const isText = typeof plain === 'string'
  for (const slice of isText ? textSlices(plain, 2 * SLICE) : byteSlices(plain, BULK)) {
    if (slice.length < plain.length) await breathe(signal)
    sealed.add(encrypt(cipher, slice))
  }
  sealed.add(finish(cipher))
  return sealed.end()
}

function finish(cipher: CipherGCM): Buffer {
  cipher.final()
  return cipher.getAuthTag()
}

function encrypt(cipher: CipherGCM, plain: string | Buffer): Buffer {
  return typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain)
}

/**
 * Decrypts `iv12 || ciphertext || tag16` with whichever key fits.
 *
 * @throws WgrokError `decrypt-failed` when none does or the bytes are too few
 */
export async function open(sealed: Buffer, keys: KeyRing, signal?: AbortSignal): Promise<Buffer> {
  if (sealed.length < IV_BYTES + TAG_BYTES) throw new WgrokError('decrypt-failed', 'shorter than an IV and a tag')
  for (const key of keys) {
    // In one piece as long as that lasts less than 10 ms: pieces have to be copied together.
    const plain = sealed.length <= 2 * BULK ? openNow(sealed, key) : await openSlices(sealed, key, signal)
    if (plain !== undefined) return plain
    if (sealed.length > BULK) await breathe(signal)
  }
  throw new WgrokError('decrypt-failed', 'no key opens the payload')
}

function openNow(sealed: Buffer, key: KeyObject): Buffer | undefined {
  const decipher = decipherOf(sealed, key)
  const plain = decipher.update(bodyOf(sealed))
  return isAuthentic(decipher) ? plain : undefined
}

async function openSlices(
  sealed: Buffer,
  key: KeyObject,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  const decipher = decipherOf(sealed, key)
  const body = bodyOf(sealed)
  const plain = Buffer.allocUnsafe(body.length)
  let offset = 0
  for (const slice of byteSlices(body, BULK)) {
    offset += decipher.update(slice).copy(plain, offset)
    await breathe(signal)
  }
  return isAuthentic(decipher) ? plain : undefined
}

function bodyOf(sealed: Buffer): Buffer {
  return sealed.subarray(IV_BYTES, sealed.length - TAG_BYTES)
}

function decipherOf(sealed: Buffer, key: KeyObject): DecipherGCM {
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  return decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
}

/** Whatever update() let through without this is not authentic; it goes no further. */
function isAuthentic(decipher: DecipherGCM): boolean {
  try {
    decipher.final()
    return true
  } catch {
    return false
  }
}
