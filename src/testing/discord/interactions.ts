import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '../../clock.js'

/** A request as Discord makes it to an interactions endpoint. */
export interface SignedRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly rawBody: Buffer
}

/** How to spoil a signature. */
export interface SignOptions {
  /** Unix seconds. Default now. */
  readonly timestamp?: number | string
  /** `wrong`: by another key. `body`: over another body. `none`: left out. `short`: cut. */
  readonly spoil?: 'wrong' | 'body' | 'none' | 'short'
}

/** Signs interactions with a key of its own, as Discord does for each application. */
export class Signer {
  readonly #clock: Clock
  readonly #key: KeyObject
  readonly #otherKey: KeyObject
  /** 32 bytes in hex, as the developer portal shows it. */
  readonly publicKey: string

  constructor(clock: Clock) {
    this.#clock = clock
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    this.#key = privateKey
    this.#otherKey = generateKeyPairSync('ed25519').privateKey
    this.publicKey = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
  }

  sign(body: unknown, options: SignOptions = {}): SignedRequest {
    const { spoil, timestamp = Math.floor(this.#clock.now() / 1000) } = options
    const rawBody = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const signed = Buffer.concat([Buffer.from(String(timestamp)), spoil === 'body' ? Buffer.from('{}') : rawBody])
    const full = sign(null, signed, spoil === 'wrong' ? this.#otherKey : this.#key).toString('hex')
    return {
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Discord-Interactions/1.0 (+https://discord.com)',
        ...(spoil === 'none' ? {} : { 'x-signature-ed25519': spoil === 'short' ? full.slice(2) : full }),
        'x-signature-timestamp': String(timestamp),
      },
      rawBody,
    }
  }
}
