import type {
  DiscordApplication,
  DiscordChannel,
  DiscordCommand,
  DiscordCreateMessage,
  DiscordGatewayBot,
  DiscordMessage,
  DiscordUser,
} from '../../../generated/models.js'
import {
  discordCreateCommandCall,
  discordCreateDirectChannelCall,
  discordCreateMessageCall,
  discordEditResponseCall,
  discordGetApplicationCall,
  discordGetChannelCall,
  discordGetGatewayCall,
  discordGetMeCall,
  type RestCall,
} from '../../../generated/rest.js'
import { type Clock, systemClock } from '../../clock.js'
import type { Dial } from '../dial.js'
import { createRestClient } from '../http.js'
import { RateBudget } from './budget.js'
import { discordFailure, limitOf } from './failure.js'

/** Options of {@link createDiscordApi}. */
export interface DiscordApiOptions {
  readonly dial: Dial
  /** Base URL with the version. Default `https://discord.com/api/v10`. */
  readonly apiUrl?: string
  readonly clock?: Clock
  /** See `RateBudgetOptions.whenEmpty`. Default `wait`. */
  readonly whenEmpty?: 'wait' | 'refuse'
}

/** The REST calls that wgrok makes; one attempt each, within the rate limits. See `RestClient.call` for what is thrown. */
export interface DiscordApi {
  createMessage(channelId: string, body: DiscordCreateMessage, signal?: AbortSignal): Promise<DiscordMessage>
  /** Finds or opens the direct channel with a person; with a bot there is none (`target-invalid`). */
  createDirectChannel(userId: string, signal?: AbortSignal): Promise<DiscordChannel>
  createCommand(applicationId: string, command: DiscordCommand, signal?: AbortSignal): Promise<DiscordCommand>
  /** Fills in a deferred answer to an interaction. */
  editResponse(applicationId: string, interactionToken: string, body: DiscordCreateMessage): Promise<DiscordMessage>
  getApplication(signal?: AbortSignal): Promise<DiscordApplication>
  getChannel(channelId: string, signal?: AbortSignal): Promise<DiscordChannel>
  getGateway(signal?: AbortSignal): Promise<DiscordGatewayBot>
  getMe(signal?: AbortSignal): Promise<DiscordUser>
  close(): Promise<void>
}

/** Where the API is unless configured otherwise. */
export const DISCORD_API_URL = 'https://discord.com/api/v10'

/** Discord refuses programs that do not name themselves in this form. */
const USER_AGENT = 'DiscordBot (https://wgrok.dev, 0.1.0)'

/** The API for one bot token. */
export function createDiscordApi(token: string, options: DiscordApiOptions): DiscordApi {
  const { apiUrl = DISCORD_API_URL, clock = systemClock, dial, whenEmpty = 'wait' } = options
  const budget = new RateBudget({ clock, whenEmpty })
  const client = createRestClient({
    baseUrl: apiUrl.replace(/\/+$/, ''),
    headers: { authorization: `Bot ${token}`, 'user-agent': USER_AGENT },
    dial,
    observe: (route, header) => budget.learn(route, header),
    failure: failure => {
      const limit = limitOf(failure)
      if (limit !== undefined) budget.limited(failure.operation, limit.scope, limit.retryAfterMs)
      else if (failure.status === 401 || failure.status === 403) budget.refused()
      return discordFailure(failure)
    },
  })

  interface Input<Params, Request> {
    readonly params: Params
    readonly body?: Request
    readonly signal: AbortSignal | undefined
  }

  /** @param major what the operation's bucket is about besides the bot: a channel, or nothing. */
  async function call<Params, Request, Reply>(
    operation: RestCall<Params, Request, Reply>,
    major: string | undefined,
    { params, body, signal }: Input<Params, Request>,
  ): Promise<Reply> {
    // The route stands in for the operation's id, so that headers and failures find their bucket.
    const route = major === undefined ? operation.id : `${operation.id}/${major}`
    await budget.take(route, signal)
    try {
      return await client.call(
        { ...operation, id: route },
        { params, ...(body === undefined ? {} : { body }), ...(signal === undefined ? {} : { signal }) },
      )
    } finally {
      budget.leave(route)
    }
  }

  return {
    createMessage: (channelId, body, signal) =>
      call(discordCreateMessageCall, channelId, { params: { channelId }, body, signal }),
    createDirectChannel: (userId, signal) =>
      call(discordCreateDirectChannelCall, undefined, { params: {}, body: { recipient_id: userId }, signal }),
    createCommand: (applicationId, command, signal) =>
      call(discordCreateCommandCall, undefined, { params: { applicationId }, body: command, signal }),
    // The token in the path stands for the caller: no bucket of the bot's is concerned.
    editResponse: (applicationId, interactionToken, body) =>
      client.call(discordEditResponseCall, { params: { applicationId, interactionToken }, body }),
    getApplication: signal => call(discordGetApplicationCall, undefined, { params: {}, signal }),
    getChannel: (channelId, signal) => call(discordGetChannelCall, channelId, { params: { channelId }, signal }),
    getGateway: signal => call(discordGetGatewayCall, undefined, { params: {}, signal }),
    getMe: signal => call(discordGetMeCall, undefined, { params: {}, signal }),
    async close() {
      budget.close()
      await client.close()
    },
  }
}
