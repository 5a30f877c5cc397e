import { checkBot } from '../config/rules.js'
import { WgrokError } from '../errors.js'
import type { BotConfig } from '../protocol.js'
import type { Transport } from '../transport/transport.js'

/**
 * What no single variable tells: a router needs somewhere to listen, and an HTTP endpoint needs its secret.
 *
 * @throws WgrokError `config-missing` or `config-invalid`; never repeats a secret.
 */
export function checkBotConfig(config: BotConfig, transports: readonly Transport[]): void {
  checkBot(config)
  if (config.webhookPort !== undefined && config.webhookSecret === '') {
    throw new WgrokError('config-missing', 'WGROK_WEBHOOK_SECRET is empty, and WGROK_WEBHOOK_PORT needs it')
  }
  const lists = [config.webexTokens, config.slackTokens, config.discordTokens, config.ircTokens, config.bridgeTokens]
  const sources = lists.some(list => (list?.length ?? 0) > 0) || config.webhookPort !== undefined
  if (sources || transports.length > 0) return
  throw new WgrokError(
    'config-missing',
    'the router has nowhere to listen: set WGROK_BRIDGE_TOKENS, WGROK_WEBHOOK_PORT or a platform token',
  )
}
