import type { DiscordApi } from './api.js'

/** People whose direct channel is remembered; the one asked for longest ago goes first. */
const MAX = 1_000

/** The direct channels with people, asked for once. */
export class DirectChannels {
  readonly #api: Pick<DiscordApi, 'createDirectChannel'>
  readonly #channels = new Map<string, string>()

  constructor(api: Pick<DiscordApi, 'createDirectChannel'>) {
    this.#api = api
  }

  /** @throws WgrokError `target-invalid` for a bot: Discord has no direct channels between bots. */
  async of(userId: string, signal: AbortSignal): Promise<string> {
    const known = this.#channels.get(userId)
    if (known !== undefined) return known
    // Asking twice at the same time is harmless: Discord answers with the same channel.
    const { id } = await this.#api.createDirectChannel(userId, signal)
    const oldest = this.#channels.size >= MAX ? this.#channels.keys().next().value : undefined
    if (oldest !== undefined) this.#channels.delete(oldest)
    this.#channels.set(userId, id)
    return id
  }

  /** The channel turned out to be gone. */
  forget(userId: string): void {
    this.#channels.delete(userId)
  }
}
