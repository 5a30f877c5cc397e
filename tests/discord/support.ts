import { vi } from 'vitest'
import type { Logger } from '../../src/log.js'
import {
  type DiscordEmulator,
  type DiscordEmulatorOptions,
  startDiscordEmulator,
} from '../../src/testing/discord/emulator.js'
import { createDiscordTransport } from '../../src/transport/discord/transport.js'
import type { TransportOptions } from '../../src/transport/open.js'
import type { InboundMessage, SendOptions, Transport, TransportStatus } from '../../src/transport/transport.js'

export const CHANNEL = { platform: 'discord', kind: 'channel', id: '1234' } as const

/** A line of the log, as a test looks at it. */
export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly msg: string
  readonly fields: Record<string, unknown>
}

/** A logger that keeps what it is told. */
export function memoryLogger(): Logger & { readonly lines: Line[] } {
  const lines: Line[] = []
  const at =
    (level: Line['level']) =>
    (msg: string, fields: Record<string, unknown> = {}): void =>
      void lines.push({ level, msg, fields })
  const logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => logger,
    lines,
  }
  return logger
}

/** Resolves when `condition` holds. Polls the outside world of real sockets; never a fixed sleep. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`${what} does not hold`)
    },
    { timeout: 15_000, interval: 2 },
  )
}

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

/** Listens and keeps what is heard. */
export async function listening(transport: Transport): Promise<InboundMessage[]> {
  const heard: InboundMessage[] = []
  await transport.listen(async message => void heard.push(message))
  return heard
}

/** Keeps every state from now on. */
export function states(transport: Transport): TransportStatus[] {
  const seen: TransportStatus[] = []
  void (async () => {
    for await (const status of transport.status()) seen.push(status)
  })()
  return seen
}

/** Send options with a key. */
export function keyed(idempotencyKey: string, signal: AbortSignal = new AbortController().signal): SendOptions {
  return { idempotencyKey, signal }
}
