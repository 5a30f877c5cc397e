import type { BridgeEnvelope } from '../../generated/models.js'
import { writeEnvelope } from './envelope.js'

/** An envelope on its way to several peers, written once however many there are. */
export class Outgoing {
  readonly envelope: BridgeEnvelope
  #bytes: Buffer | undefined

  constructor(envelope: BridgeEnvelope) {
    this.envelope = envelope
  }

  /** The envelope as UTF-8 JSON. Shared: must not be changed. */
  get bytes(): Buffer {
    this.#bytes ??= Buffer.from(writeEnvelope(this.envelope))
    return this.#bytes
  }
}
