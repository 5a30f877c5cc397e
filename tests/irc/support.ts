import type { Address } from '../../src/protocol.js'
import { createIrcTransport, type IrcTransport, type IrcTransportOptions } from '../../src/transport/irc/transport.js'

export { follow, type Line, listenTo, pass, recorder, sendOptions, until } from '../support/live.js'

/** A transport to a plaintext server on loopback: no flood queue, short waits. */
export function transportTo(
  port: number,
  who: string,
  channels: string,
  options: Partial<IrcTransportOptions> = {},
): IrcTransport {
  return createIrcTransport(`irc://${who}@127.0.0.1:${port}/${channels}`, {
    role: 'router',
    flood: false,
    confirmMs: 100,
    reconnectMin: 20,
    random: () => 0,
    ...options,
  })
}

export function channel(id: string): Address {
  return { platform: 'irc', kind: 'channel', id }
}

export function nick(id: string): Address {
  return { platform: 'irc', kind: 'nick', id }
}
