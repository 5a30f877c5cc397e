import { compileAllowlist } from '../access/allowlist.js'
import { isAdapterName } from '../bridge/names.js'
import { keyRing } from '../codec/keys.js'
import { WgrokError } from '../errors.js'
import { checkSlug } from '../frame/slug.js'
import type { BotConfig, ReceiverConfig, SenderConfig } from '../protocol.js'

const WEB = ['http:', 'https:']
const PROXY = ['http:', 'https:', 'socks5:', 'socks5h:', 'socks:']
/** Words after `./` that the protocol uses or keeps for itself. */
const RESERVED_APPS = new Set(['echo', 'pause', 'resume', 'route', 'broadcast', 'store'])

/** Platforms where the token says where the router is. */
const NEEDS_NO_TARGET = new Set(['bridge', 'irc'])

/** Checks what one variable alone does not tell. @throws WgrokError `config-missing`, `config-invalid` */
export function checkSender(config: SenderConfig): void {
  checkPeer(config)
  if (config.from !== undefined && config.from !== '-') named('WGROK_FROM', () => checkSlug(config.from ?? '', 'slug'))
  if (config.target === undefined && !NEEDS_NO_TARGET.has(config.platform)) {
    throw new WgrokError('config-missing', `WGROK_TARGET is not set, and ${config.platform} needs the router's address`)
  }
}

/** Checks what one variable alone does not tell. @throws WgrokError `config-missing`, `config-invalid` */
export function checkPeer(config: SenderConfig | ReceiverConfig): void {
  named('WGROK_SLUG', () => checkSlug(config.slug, 'slug'))
  named('WGROK_DOMAINS', () => compileAllowlist(config.domains ?? []))
  named('WGROK_ENCRYPT_KEY', () => keyRing(config.encryptKeys ?? []))
  checkUrls(config)
}

/** Checks what one variable alone does not tell. @throws WgrokError `config-missing`, `config-invalid` */
export function checkBot(config: BotConfig): void {
  named('WGROK_DOMAINS', () => compileAllowlist(config.domains))
  for (const slug of Object.keys(config.routes ?? {})) named('WGROK_ROUTES', () => checkSlug(slug, 'a slug'))
  for (const [name, url] of Object.entries(config.apps ?? {})) {
    if (RESERVED_APPS.has(name)) throw invalid('WGROK_APPS', `names other than ${[...RESERVED_APPS].join(', ')}`)
    checkUrl('WGROK_APPS', url, WEB)
  }
  for (const [index, token] of (config.bridgeTokens ?? []).entries()) checkBridgeToken(token, index + 1)
  const apps = config.slackAppTokens?.length ?? 0
  const bots = config.slackTokens?.length ?? 0
  if (apps > 0 && apps !== bots) {
    throw invalid('WGROK_SLACK_APP_TOKENS', `one for each of WGROK_SLACK_TOKENS, that is ${bots}, not ${apps}`)
  }
  if (config.webhookPort !== undefined && config.webhookSecret === undefined) {
    throw new WgrokError('config-missing', 'WGROK_WEBHOOK_SECRET is not set, and WGROK_WEBHOOK_PORT needs it')
  }
  checkUrl('WGROK_PUBLIC_URL', config.publicUrl, WEB)
  checkUrls(config)
}

function checkUrls(config: SenderConfig | ReceiverConfig | BotConfig): void {
  checkUrl('WGROK_PROXY', config.proxy, PROXY)
  checkUrl('WGROK_WEBEX_API_URL', config.webexApiUrl, WEB)
  checkUrl('WGROK_SLACK_API_URL', config.slackApiUrl, WEB)
  checkUrl('WGROK_DISCORD_API_URL', config.discordApiUrl, WEB)
}

function checkUrl(env: string, text: string | undefined, protocols: readonly string[]): void {
  if (text === undefined) return
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
    throw invalid(env, `a URL that begins with ${protocols.map(protocol => `${protocol}//`).join(', ')}`)
  }
}

function checkBridgeToken(entry: string, position: number): void {
  const colon = entry.indexOf(':')
  const name = entry.slice(0, colon)
  if (colon !== -1 && colon < entry.length - 1 && isAdapterName(name)) return
  const expected = 'platform:token, the platform 1 to 32 of a-z 0-9 _ - and not the name of a built-in one'
  throw invalid('WGROK_BRIDGE_TOKENS', `${expected}; entry ${position} is none`)
}

/** Runs a check of another module and puts the variable's name in front of what it finds. */
function named(env: string, check: () => unknown): void {
  try {
    check()
  } catch (error) {
    const detail = WgrokError.from(error).message.replace(/^\[[a-z-]+\] /, '')
    throw new WgrokError('config-invalid', `${env}: ${detail}`, { cause: error })
  }
}

function invalid(env: string, expected: string): WgrokError {
  return new WgrokError('config-invalid', `${env}: expected ${expected}`)
}
