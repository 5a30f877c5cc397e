import type { Address } from '../protocol.js'
import { addressKey } from '../transport/address.js'

/** Where a message goes, and what goes with it. */
export interface Destination {
  readonly to: Address
  /** Key of {@link to}: the lane that the message waits in. */
  readonly lane: string
  /** Who is answered; see `OutboundMessage.mention`. */
  readonly mention: Address | undefined
  /** Account to prefer; see `SpoolEntry.via`. */
  readonly via: string | undefined
}

/** A destination where nobody in particular is spoken to. */
export function destinationAt(to: Address): Destination {
  return { to, lane: addressKey(to), mention: undefined, via: undefined }
}
