import type { Address } from '../../src/protocol.js'
import type { SlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp } from '../../src/testing/slack/workspace.js'
import { createSlackTransport, type SlackTransportOptions } from '../../src/transport/slack/transport.js'
import type { Transport } from '../../src/transport/transport.js'

export { follow, type Line, listenTo, pass, recorder, sendOptions, until } from '../support/live.js'

/** A transport of an emulated app. */
export function transportOf(
  emulator: SlackEmulator,
  app: EmulatedSlackApp,
  options: Partial<SlackTransportOptions> = {},
): Transport {
  return createSlackTransport(app.botToken, {
    role: 'router',
    apiUrl: emulator.apiUrl,
    appToken: app.appToken,
    random: () => 0,
    ...options,
  })
}

export function channel(id: string, thread?: string): Address {
  return { platform: 'slack', kind: 'channel', id, ...(thread === undefined ? {} : { thread }) }
}
