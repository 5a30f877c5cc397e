import { WgrokError } from '../../errors.js'
import type { Address, AddressKind } from '../../protocol.js'

const KINDS: ReadonlySet<AddressKind> = new Set(['email', 'person', 'room'])

/** @throws WgrokError `target-invalid` for an address that Webex has no place for. */
export function checkAddress(to: Address): void {
  if (to.platform !== 'webex') throw new WgrokError('target-invalid', `a Webex account cannot reach ${to.platform}`)
  if (!KINDS.has(to.kind)) throw new WgrokError('target-invalid', `Webex has no ${to.kind}: use email, person or room`)
}

/** The room that a message came from. @param thread message that started the thread */
export function roomAddress(roomId: string, thread?: string): Address {
  return { platform: 'webex', kind: 'room', id: roomId, ...(thread === undefined ? {} : { thread }) }
}
