import { createHash, randomUUID } from 'node:crypto'
import type { BridgeEnvelope } from '../../generated/models.js'
import { type CapabilityBits, degrade, needs } from './capabilities.js'
import { writeEnvelope } from './envelope.js'

/** Options of {@link Outgoing}. */
export interface OutgoingOptions {
  /** The same id for the same content, for peers that resume. Default: a new one. */
  readonly id?: string
  /** A program reads the content: what an adapter cannot show is left out instead of being written into it. Default false. */
  readonly verbatim?: boolean
}

/** An envelope on its way to several peers, written once for all that get the same. */
export class Outgoing {
  readonly #envelope: BridgeEnvelope
  readonly #verbatim: boolean
  readonly #needs: CapabilityBits
  readonly #written = new Map<number, Buffer | undefined>()
  #id: string | undefined

  constructor(envelope: BridgeEnvelope, options: OutgoingOptions = {}) {
    this.#envelope = envelope
    this.#verbatim = options.verbatim ?? false
    this.#needs = needs(envelope)
    this.#id = options.id === undefined ? idOf(envelope) : shortId(options.id)
  }

  /** Id for peers that resume. */
  get id(): string {
    this.#id ??= newId()
    return this.#id
  }

  /**
   * The envelope as UTF-8 JSON for a peer with these capabilities; undefined when it gets nothing. Shared: must not be
   * changed. For a peer that resumes, the fields of resume are left to the stream.
   */
  bytesFor(capabilities: CapabilityBits, resumes: boolean): Buffer | undefined {
    const lacking = this.#needs & ~capabilities
    const key = lacking * 2 + (resumes ? 1 : 0)
    if (this.#written.has(key)) return this.#written.get(key)
    const shown = lacking === 0 ? this.#envelope : degrade(this.#envelope, lacking, this.#verbatim)
    const bytes = shown === undefined ? undefined : Buffer.from(writeEnvelope(resumes ? withoutResume(shown) : shown))
    this.#written.set(key, bytes)
    return bytes
  }
}

/** A new id, no two alike. */
export function newId(): string {
  return randomUUID()
}

/** Longest id on the wire. */
export const ID_LENGTH_MAX = 256

/** The id itself, or a digest of one that is too long: the same id stays the same. */
export function shortId(id: string): string {
  return id.length <= ID_LENGTH_MAX ? id : createHash('sha256').update(id).digest('base64url')
}

/** The id that a caller gave to an envelope as one of its fields. */
export function idOf(envelope: BridgeEnvelope | { readonly id: unknown }): string | undefined {
  const id = 'id' in envelope ? envelope.id : undefined
  return typeof id === 'string' && id !== '' && id.length <= ID_LENGTH_MAX ? id : undefined
}

/** The envelope without fields that would stand beside those of the stream. */
export function withoutResume(envelope: BridgeEnvelope): BridgeEnvelope {
  if (!('id' in envelope || 'seq' in envelope || 'ack' in envelope)) return envelope
  const { id: _id, seq: _seq, ack: _ack, ...rest } = envelope as BridgeEnvelope & Record<string, unknown>
  return rest as BridgeEnvelope
}
