import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Platform } from '../protocol.js'
import type { Transport } from './transport.js'

/** Options of {@link openTransport}. A transport uses those that its platform knows. */
export interface TransportOptions {
  /** A router hears everybody and filters; a peer hears the router. */
  readonly role: 'router' | 'peer'
  /** Proxy for every connection: http, https or socks5 URL. */
  readonly proxy?: string
  /** Base URL of the platform's API. */
  readonly apiUrl?: string
  /** Base URL of the Webex service catalog. */
  readonly catalogUrl?: string
  /** Slack's app-level token. */
  readonly appToken?: string
  /** Default: logs nothing. */
  readonly logger?: Logger
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Returns 0 <= x < 1. Default `Math.random`. */
  readonly random?: () => number
}

/** What every platform folder exports as `create<Platform>Transport`. Connects nothing yet. */
export type CreateTransport = (token: string, options: TransportOptions) => Transport | Promise<Transport>

/** One entry per platform that is built; its code and libraries are loaded when it is first used. */
const PLATFORM_LOADERS: Readonly<Partial<Record<Platform, () => Promise<CreateTransport>>>> = {
  bridge: async () => (await import('./bridge/transport.js')).createBridgeTransport,
  discord: async () => (await import('./discord/transport.js')).createDiscordTransport,
  irc: async () => (await import('./irc/transport.js')).createIrcTransport,
  slack: async () => (await import('./slack/transport.js')).createSlackTransport,
  webex: async () => (await import('./webex/transport.js')).createWebexTransport,
}

/**
 * A transport for one account. Nothing is connected before its first `send` or `listen`.
 *
 * @throws WgrokError `unsupported` for a platform that this version does not speak, `config-invalid` for a token of the
 * wrong form, `dependency-missing`.
 */
export async function openTransport(platform: Platform, token: string, options: TransportOptions): Promise<Transport> {
  const load = PLATFORM_LOADERS[platform]
  if (load === undefined) throw new WgrokError('unsupported', `there is no transport for ${platform}`)
  const create = await load()
  return create(token, options)
}
