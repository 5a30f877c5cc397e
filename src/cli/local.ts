import type { BotConfig } from '../protocol.js'

/** Platform name of the agents on this machine. */
export const AGENTS = 'agents'

/** What a router on this machine needs, and nothing else. */
export function localConfig(port: number, token: string, debug = false): BotConfig {
  return {
    domains: [`${AGENTS}.bridge`],
    bridgeTokens: [`${AGENTS}:${token}`],
    bridgePort: port,
    webhookHost: '127.0.0.1',
    debug,
  }
}
