import { slackLookupUserCall, slackOpenConversationCall } from '../../../generated/rest.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import type { Clock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Address } from '../../protocol.js'
import { addressKey } from '../address.js'
import type { SlackApi } from './api.js'

/** Options of {@link Targets}. */
export interface TargetsOptions {
  readonly clock: Clock
  /** How long a direct conversation is remembered, in ms. Default one hour. */
  readonly ttl?: number
  /** Conversations, and names of channels, remembered at most. Default 10,000. */
  readonly max?: number
}

const TARGET_TTL = 60 * 60 * 1000
const TARGETS_MAX = 10_000

/** Finds the channel of an address: itself, or the direct conversation with a user. */
export class Targets {
  readonly #api: SlackApi
  readonly #known: ExpiringMap<string>
  /** Ids of channels that are addressed by name. One that is out of date costs a look in vain, so they need no end. */
  readonly #named: ExpiringMap<string>

  constructor(api: SlackApi, options: TargetsOptions) {
    const { clock, ttl = TARGET_TTL, max = TARGETS_MAX } = options
    this.#api = api
    this.#known = new ExpiringMap({ ttl, max, clock })
    this.#named = new ExpiringMap({ ttl: Number.POSITIVE_INFINITY, max, clock })
  }

  /** @throws WgrokError `target-not-found` for an unknown e-mail or user, `target-invalid` for a bot. */
  async channelOf(to: Address, signal: AbortSignal): Promise<string> {
    if (to.kind === 'channel') return to.id
    const key = addressKey(to)
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const users = to.kind === 'email' ? await this.#userByEmail(to.id, signal) : to.id
    const { channel } = await this.#api.call(slackOpenConversationCall, { params: {}, body: { users }, signal })
    if (channel === undefined) throw new WgrokError('platform-rejected', 'Slack opened no conversation')
    this.#known.set(key, channel.id)
    return channel.id
  }

  /** The id of a channel that may be a name, as far as it is known: Slack posts to names, and shows what was posted by id. */
  idOf(channel: string): string {
    return this.#named.get(channel) ?? channel
  }

  /** Notes where Slack has posted what was sent to `channel`. */
  learn(channel: string, id: string): void {
    if (id !== channel) this.#named.set(channel, id)
  }

  /** Forgets what was learnt about an address, since it was wrong. */
  forget(to: Address): void {
    if (to.kind !== 'channel') this.#known.delete(addressKey(to))
  }

  async #userByEmail(email: string, signal: AbortSignal): Promise<string> {
    const { user } = await this.#api.call(slackLookupUserCall, { params: { email }, signal })
    if (user === undefined) throw new WgrokError('target-not-found', 'Slack named no user')
    return user.id
  }
}
