import { type MessageHandler, type ReceiverOptions, WgrokReceiver } from '../../src/bus/receiver.js'
import { WgrokSender } from '../../src/bus/sender.js'
import { silent } from '../../src/log.js'
import type { BotConfig, ReceiverConfig, SenderConfig } from '../../src/protocol.js'
import { type RouterOptions, WgrokRouter } from '../../src/router/index.js'

/** What a handler got. */
export interface Got {
  readonly slug: string
  readonly payload: string
  readonly cards: readonly unknown[]
  readonly from: string
}

/** A router with its bridge on loopback, and the peers that a test adds. Everything is closed in the end. */
export class Bus {
  readonly router: WgrokRouter
  readonly #peers: { close(): Promise<void> }[] = []

  constructor(config: Partial<BotConfig> = {}, options: RouterOptions = {}) {
    this.router = new WgrokRouter(
      {
        domains: ['agents.bridge', 'ops.bridge'],
        bridgeTokens: ['agents:tok-agents', 'ops:tok-ops'],
        bridgePort: 0,
        ...config,
      },
      { logger: silent, ...options },
    )
  }

  /** Connection string of a bridge platform, `agents` or `ops`. */
  token(platform: string): string {
    const url = new URL(this.router.bridgeUrl ?? '')
    return `ws://${platform}:tok-${platform}@${url.host}`
  }

  sender(slug: string, config: Partial<SenderConfig> = {}, platform = 'agents'): WgrokSender {
    const full = { platform: 'bridge', token: this.token(platform), slug, ...config } as const
    return this.#add(new WgrokSender(full, { logger: silent }))
  }

  async receiver(
    slug: string,
    handler: MessageHandler,
    config: Partial<ReceiverConfig> = {},
    platform = 'agents',
    options: ReceiverOptions = {},
  ): Promise<WgrokReceiver> {
    const domains = [`${platform}.bridge`]
    const full = { platform: 'bridge', token: this.token(platform), slug, domains, ...config } as const
    const receiver = this.#add(new WgrokReceiver(full, handler, { logger: silent, ...options }))
    await receiver.listen()
    return receiver
  }

  async close(): Promise<void> {
    for (const peer of this.#peers.reverse()) await peer.close()
    await this.router.close()
  }

  #add<T extends { close(): Promise<void> }>(peer: T): T {
    this.#peers.push(peer)
    return peer
  }
}

/** Collects what a handler gets, and waits for a number of them. */
export class Inbox {
  readonly got: Got[] = []
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  readonly handler: MessageHandler = (slug, payload, cards, from) => {
    this.got.push({ slug, payload, cards, from })
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.got.length < count) return true
      resolve()
      return false
    })
  }

  get payloads(): readonly string[] {
    return this.got.map(({ payload }) => payload)
  }

  reached(count: number): Promise<void> {
    if (this.got.length >= count) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ count, resolve }))
  }
}
