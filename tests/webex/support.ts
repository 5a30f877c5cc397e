import type { Address, AddressKind } from '../../src/protocol.js'
import type { WebexEmulator } from '../../src/testing/webex/emulator.js'
import type { EmulatedWebexAccount } from '../../src/testing/webex/world.js'
import type { Transport } from '../../src/transport/transport.js'
import { createWebexTransport, type WebexTransportOptions } from '../../src/transport/webex/transport.js'

export { follow, type Line, listenTo, pass, recorder, sendOptions, until } from '../support/live.js'

/** A transport of an emulated account. */
export function transportOf(
  emulator: WebexEmulator,
  account: EmulatedWebexAccount,
  options: Partial<WebexTransportOptions> = {},
): Transport {
  return createWebexTransport(account.token, {
    role: 'router',
    apiUrl: emulator.apiUrl,
    random: () => 0,
    ...options,
  })
}

export function address(kind: AddressKind, id: string, thread?: string): Address {
  return { platform: 'webex', kind, id, ...(thread === undefined ? {} : { thread }) }
}
