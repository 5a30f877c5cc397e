import { createSecretKey, type KeyObject } from 'node:crypto'
import { WgrokError } from '../errors.js'
import { tryBase64 } from './base64.js'

const KEY_BYTES = 32

/**
 * Keys for AES-256-GCM: the first encrypts, all are tried to decrypt, so that a key can be replaced without a gap.
 *
 * No key shows when the ring is printed or serialised.
 */
export class KeyRing {
  readonly #keys: readonly KeyObject[]

  /** @internal Use {@link keyRing}. */
  constructor(keys: readonly KeyObject[]) {
    this.#keys = keys
  }

  /** How many keys there are; at least one. */
  get size(): number {
    return this.#keys.length
  }

  /** The key that encrypts. */
  get first(): KeyObject {
    const [key] = this.#keys
    if (key === undefined) throw new WgrokError('key-missing', 'the key ring is empty')
    return key
  }

  /** All keys, in the order in which they are tried. */
  [Symbol.iterator](): Iterator<KeyObject> {
    return this.#keys[Symbol.iterator]()
  }
}

/**
 * Makes a key ring from keys in base64, white space around them ignored.
 *
 * @returns undefined when there are no keys: encryption is off
 * @throws WgrokError `key-invalid` naming the position of a key that is not 32 bytes in strict base64
 */
export function keyRing(keys: readonly string[]): KeyRing | undefined {
  if (keys.length === 0) return undefined
  return new KeyRing(keys.map((key, index) => secretKey(key, index + 1)))
}

function secretKey(text: string, position: number): KeyObject {
  const bytes = tryBase64(text.trim())
  if (bytes?.length !== KEY_BYTES) throw new WgrokError('key-invalid', `key ${position} is not 32 bytes in base64`)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}
