import { type Clock, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, openLogger, silent } from '../log.js'
import type { Address, Card, CompressMode, Platform, ReceiverConfig, SenderConfig } from '../protocol.js'
import { parseAddress } from '../transport/address.js'
import type { Transport } from '../transport/transport.js'

/** What a sender and a receiver may be given beside their configuration. */
export interface PeerOptions {
  /** Default: NDJSON on standard error, as `config.debug` says. */
  readonly logger?: Logger
  /** Default: the transport that the configuration names. Closed together with the peer. */
  readonly transport?: Transport
  readonly clock?: Clock
  /** Returns 0 <= x < 1; spreads retries. Default `Math.random`. */
  readonly random?: () => number
}

/** Cards as a caller may give them: one, several or none. */
export type Cards = Card | readonly Card[]

/** Normalises {@link Cards}. */
export function cardList(cards: Cards | undefined): readonly Card[] {
  if (cards === undefined) return []
  return Array.isArray(cards) ? cards : [cards as Card]
}

/** What `compress` of one send means; `undefined` takes what is configured. */
export function compressMode(
  compress: boolean | CompressMode | undefined,
  configured: CompressMode | undefined,
): CompressMode {
  if (compress === undefined) return configured ?? 'never'
  if (compress === true) return 'always'
  return compress === false ? 'never' : compress
}

/** A logger that loads pino at its first line, since most peers never write one. */
export function lazyLogger(config: SenderConfig | ReceiverConfig, module: string): Logger {
  const secrets = [config.token, config.slackAppToken, config.proxy, ...(config.encryptKeys ?? [])]
  const open = (): Promise<Logger> =>
    openLogger({
      debug: config.debug === true,
      module,
      secrets: secrets.filter(secret => secret !== undefined),
    }).catch(() => silent)
  let opened: Promise<Logger> | undefined
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error', fixed: Record<string, unknown>) =>
    (msg: string, fields?: Record<string, unknown>): void => {
      if (config.debug !== true && (level === 'debug' || level === 'info')) return
      opened ??= open()
      void opened.then(logger => logger[level](msg, { ...fixed, ...fields }))
    }
  const make = (fixed: Record<string, unknown>): Logger => ({
    debug: at('debug', fixed),
    info: at('info', fixed),
    warn: at('warn', fixed),
    error: at('error', fixed),
    child: fields => make({ ...fixed, ...fields }),
  })
  return make({})
}

/** Opens the transport that the configuration names; loads that platform's code and nothing else. */
export async function openPeerTransport(
  config: SenderConfig | ReceiverConfig,
  options: PeerOptions,
  logger: Logger,
): Promise<Transport> {
  if (options.transport !== undefined) return options.transport
  const { openTransport } = await import('../transport/open.js')
  const apiUrl = apiUrlOf(config, config.platform)
  const { webexCatalogUrl } = config
  return openTransport(config.platform, config.token, {
    role: 'peer',
    logger,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    ...(config.proxy === undefined ? {} : { proxy: config.proxy }),
    ...(apiUrl === undefined ? {} : { apiUrl }),
    ...(webexCatalogUrl === undefined ? {} : { catalogUrl: webexCatalogUrl }),
    ...(config.slackAppToken === undefined ? {} : { appToken: config.slackAppToken }),
  })
}

function apiUrlOf(config: SenderConfig | ReceiverConfig, platform: Platform): string | undefined {
  switch (platform) {
    case 'webex':
      return config.webexApiUrl
    case 'slack':
      return config.slackApiUrl
    case 'discord':
      return config.discordApiUrl
    default:
      return undefined
  }
}

/**
 * Where the router is spoken to: `WGROK_TARGET`; the router behind the connection on the bridge; the channel of the
 * connection string on IRC.
 *
 * @throws WgrokError `config-missing` where only a target could tell, `target-invalid` for one that makes no sense.
 */
export function routerAddress(config: SenderConfig | ReceiverConfig): Address {
  if (config.target !== undefined) return parseAddress(config.target, config.platform)
  if (config.platform === 'bridge') return { platform: 'bridge', kind: 'adapter', id: 'wgrok' }
  const channel = config.platform === 'irc' ? /\/([#&+!][^,\s]*)/.exec(config.token)?.[1] : undefined
  if (channel !== undefined) return parseAddress(channel, 'irc')
  throw new WgrokError('config-missing', `WGROK_TARGET is needed on ${config.platform}: the address of the router`)
}
