import { createHash, timingSafeEqual } from 'node:crypto'
import { WgrokError } from '../errors.js'
import { isAdapterName } from './names.js'

/** Who may connect: platform names with one or more tokens each, or a list of `platform:token`. */
export type BridgeTokens = Readonly<Record<string, string | readonly string[]>> | readonly string[]

/** Proof that a token was right; stays valid until the token is taken away. */
export type TokenProof = Buffer

/** The tokens of every platform, kept as hashes only. */
export class TokenTable {
  readonly #digests = new Map<string, Buffer[]>()

  /** @throws WgrokError `config-invalid` for a name that cannot be a platform or an empty token. */
  constructor(tokens: BridgeTokens) {
    for (const [platform, token] of entriesOf(tokens)) {
      if (!isAdapterName(platform)) {
        throw new WgrokError('config-invalid', 'bridge tokens: a platform name is malformed or reserved')
      }
      if (token === '') throw new WgrokError('config-invalid', `bridge tokens: the token of ${platform} is empty`)
      const digests = this.#digests.get(platform) ?? []
      digests.push(digest(token))
      this.#digests.set(platform, digests)
    }
  }

  /** Names of all platforms that have a token. */
  platforms(): readonly string[] {
    return [...this.#digests.keys()]
  }

  /** The proof when the token is one of the platform's. Takes the same time whichever part is wrong. */
  check(platform: string, token: string): TokenProof | undefined {
    const proof = digest(token)
    return this.holds(platform, proof) ? proof : undefined
  }

  /** Whether the token behind a proof still is one of the platform's. */
  holds(platform: string, proof: TokenProof): boolean {
    let found = false
    // An unknown platform is compared too, with a digest that nothing hashes to.
    for (const known of this.#digests.get(platform) ?? [NOBODY]) {
      if (timingSafeEqual(known, proof)) found = true
    }
    return found
  }
}

const NOBODY = Buffer.alloc(32)

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function entriesOf(tokens: BridgeTokens): (readonly [string, string])[] {
  if (!isList(tokens)) {
    return Object.entries(tokens).flatMap(([platform, value]) =>
      (typeof value === 'string' ? [value] : value).map(token => [platform, token] as const),
    )
  }
  return tokens.map(entry => {
    const colon = entry.indexOf(':')
    if (colon < 0) throw new WgrokError('config-invalid', 'bridge tokens: an entry is not platform:token')
    return [entry.slice(0, colon), entry.slice(colon + 1)] as const
  })
}

function isList(tokens: BridgeTokens): tokens is readonly string[] {
  return Array.isArray(tokens)
}
