import {
  type DiscordEmulator,
  type DiscordEmulatorOptions,
  startDiscordEmulator,
} from '../../src/testing/discord/emulator.js'
import { createDiscordTransport } from '../../src/transport/discord/transport.js'
import type { TransportOptions } from '../../src/transport/open.js'
import type { SendOptions, Transport } from '../../src/transport/transport.js'

export { follow as states, type Line, listenTo as listening, recorder as memoryLogger, until } from '../support/live.js'

export const CHANNEL = { platform: 'discord', kind: 'channel', id: '1234' } as const

/** Everything that a test opened, to be closed at its end. */
export class Bench {
  readonly #open: { close(): unknown }[] = []

  async emulator(options: DiscordEmulatorOptions = {}): Promise<DiscordEmulator> {
    return this.add(await startDiscordEmulator(options))
  }

  transport(emulator: DiscordEmulator, options: Partial<TransportOptions> = {}, token = 'discord-token'): Transport {
    return this.add(
      createDiscordTransport(token, { role: 'peer', apiUrl: emulator.apiUrl, random: () => 0, ...options }),
    )
  }

  add<T extends { close(): unknown }>(thing: T): T {
    this.#open.push(thing)
    return thing
  }

  async close(): Promise<void> {
    for (const thing of this.#open.splice(0).reverse()) await thing.close()
  }
}

/** Send options with a key. */
export function keyed(idempotencyKey: string, signal: AbortSignal = new AbortController().signal): SendOptions {
  return { idempotencyKey, signal }
}
