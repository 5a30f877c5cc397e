import type { BridgeServer } from '../bridge/server.js'
import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import type { BotConfig, Platform } from '../protocol.js'
import { sendOnly } from '../transport/send-only.js'
import type { Transport } from '../transport/transport.js'

/** What every transport shares. */
export interface AccountContext {
  readonly logger: Logger
  readonly clock: Clock
  readonly random: () => number
}

/** The accounts that a configuration names. */
export interface Accounts {
  readonly transports: readonly Transport[]
  /** Present when there are bridge tokens; its transport is among {@link transports}. */
  readonly bridge: BridgeServer | undefined
}

/**
 * Opens one transport per token, and the bridge when it has tokens. Loads the code of those platforms only.
 *
 * @throws WgrokError `unsupported`, `config-invalid`; what was opened before is closed again.
 */
export async function openAccounts(config: BotConfig, context: AccountContext): Promise<Accounts> {
  const transports: Transport[] = []
  try {
    for (const [platform, token, own] of accountsOf(config)) {
      const { openTransport } = await import('../transport/open.js')
      const proxy = config.proxy === undefined ? {} : { proxy: config.proxy }
      const transport = await openTransport(platform, token, { role: 'router', ...context, ...proxy, ...own })
      transports.push(byWebhookOnly(config, platform, own) ? sendOnly(transport, context.clock) : transport)
    }
    const bridge = await openBridge(config, context)
    if (bridge !== undefined) transports.push(bridge.transport)
    return { transports, bridge: bridge?.server }
  } catch (error) {
    await Promise.allSettled(transports.map(transport => transport.close()))
    throw error
  }
}

/** Without its app-level token a Slack app hears over the webhook alone. */
function byWebhookOnly({ slackSigningSecret }: BotConfig, platform: Platform, { appToken }: Own): boolean {
  return platform === 'slack' && appToken === undefined && slackSigningSecret !== undefined
}

type Own = { readonly apiUrl?: string; readonly appToken?: string; readonly catalogUrl?: string }

function accountsOf(config: BotConfig): (readonly [Platform, string, Own])[] {
  const { discordApiUrl, slackApiUrl, slackAppTokens = [], webexApiUrl, webexCatalogUrl } = config
  const api = (apiUrl: string | undefined): Own => (apiUrl === undefined ? {} : { apiUrl })
  const catalog = webexCatalogUrl === undefined ? {} : { catalogUrl: webexCatalogUrl }
  return [
    ...(config.webexTokens ?? []).map(token => ['webex', token, { ...api(webexApiUrl), ...catalog }] as const),
    ...(config.slackTokens ?? []).map((token, index) => {
      const appToken = slackAppTokens[index]
      return ['slack', token, { ...api(slackApiUrl), ...(appToken === undefined ? {} : { appToken }) }] as const
    }),
    ...(config.discordTokens ?? []).map(token => ['discord', token, api(discordApiUrl)] as const),
    ...(config.ircTokens ?? []).map(token => ['irc', token, {}] as const),
  ]
}

async function openBridge(
  config: BotConfig,
  context: AccountContext,
): Promise<{ readonly server: BridgeServer; readonly transport: Transport } | undefined> {
  const tokens = config.bridgeTokens ?? []
  if (tokens.length === 0) return undefined
  const [{ BridgeServer }, { bridgeServerTransport }] = await Promise.all([
    import('../bridge/server.js'),
    import('../transport/bridge/server-transport.js'),
  ])
  const { clock, logger } = context
  const server = new BridgeServer({ tokens, clock, logger })
  // A durable spool lets go of a message only once an adapter that can say so has it.
  const settle = config.stateDir === undefined && config.natsUrl === undefined ? 'handed' : 'acked'
  return { server, transport: bridgeServerTransport(server, { settle }) }
}
