import { type Capability, isCapability } from '../../generated/models.js'
import { WgrokError } from '../errors.js'
import type { Connection } from './connection.js'
import type { Outgoing } from './outgoing.js'

/** A registered adapter, as the server sees it. */
export class Peer {
  /** Never seen on the wire; what logs and handlers tell connections apart by. */
  readonly id: string
  readonly platform: string
  readonly capabilities: ReadonlySet<Capability>
  readonly connection: Connection

  constructor(id: string, connection: Connection, capabilities: readonly string[] = []) {
    this.id = id
    this.platform = connection.platform
    this.capabilities = new Set(capabilities.filter(isCapability))
    this.connection = connection
  }

  /** Hands one envelope to the system. @throws WgrokError `connection-lost`, `slow-consumer`, `body-too-large`. */
  send(outgoing: Outgoing, limit: number): Promise<void> {
    if (outgoing.bytes.length > limit) {
      return Promise.reject(new WgrokError('body-too-large', `the envelope exceeds ${limit} bytes`))
    }
    return this.connection.send(outgoing.bytes)
  }
}
