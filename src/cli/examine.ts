import { BOT_CONFIG, type ConfigRow, RECEIVER_CONFIG, SENDER_CONFIG } from '../../generated/config.js'
import { LIMITS } from '../../generated/limits.js'
import { botConfigFromEnv, receiverConfigFromEnv, senderConfigFromEnv } from '../config/from-env.js'
import { WgrokError } from '../errors.js'
import type { Address, BotConfig, Platform, ReceiverConfig, SenderConfig } from '../protocol.js'
import { parseAddress } from '../transport/address.js'
import { checkAccount, type DoctorOptions, type Finding } from '../transport/doctor.js'
import type { Diagnosis } from './doctor.js'
import { deadline } from './io.js'

type Env = Readonly<Record<string, string | undefined>>

/** How long our own HTTP endpoints may take to answer, in ms. */
const PROBE = 5_000

/**
 * Looks at everything that an environment describes: a sender or receiver (`WGROK_TOKEN`), a router (tokens in the plural,
 * bridge or webhook), or both. No finding shows a secret of the environment.
 */
export async function* examine(env: Env, signal: AbortSignal): AsyncGenerator<Diagnosis, void, void> {
  const hide = concealer(env)
  for await (const diagnosis of diagnoses(env, signal)) {
    const { fix, what } = diagnosis
    yield { ...diagnosis, what: hide(what), ...(fix === undefined ? {} : { fix: hide(fix) }) }
  }
}

async function* diagnoses(env: Env, signal: AbortSignal): AsyncGenerator<Diagnosis, void, void> {
  const peer = isSet(env, 'WGROK_TOKEN')
  const router = ROUTER_VARIABLES.some(name => isSet(env, name))
  if (peer) yield* examinePeer(env, signal)
  if (router) yield* examineRouter(env, signal)
  if (peer || router) return
  yield {
    subject: 'configuration',
    ok: false,
    what: 'there is nothing to check: neither WGROK_TOKEN nor a variable of a router is set',
    fix: 'Name the file that holds the configuration with --env-file.',
  }
}

/** Variables that only a router has. */
const ROUTER_VARIABLES: readonly string[] = BOT_CONFIG.filter(
  ({ env }) => ![...SENDER_CONFIG, ...RECEIVER_CONFIG].some(row => row.env === env),
).map(({ env }) => env)

async function* examinePeer(env: Env, signal: AbortSignal): AsyncGenerator<Diagnosis, void, void> {
  // Who may speak is what a receiver has to know.
  const receives = isSet(env, 'WGROK_DOMAINS')
  const subject = receives ? 'receiver' : 'sender'
  const config = attempt(() => (receives ? receiverConfigFromEnv(env) : senderConfigFromEnv(env)))
  if (config instanceof WgrokError) return yield unusable(subject, config)
  yield { subject: 'configuration', ok: true, what: `the variables of a ${subject} are complete` }
  const targets = attempt(() => (config.target === undefined ? [] : [parseAddress(config.target, config.platform)]))
  if (targets instanceof WgrokError) return yield unusable(subject, targets)
  const { platform, slackAppToken: appToken, token } = config
  const options = { role: 'peer', ...sharedOf(config, platform), targets, listens: receives, signal } as const
  yield* examineAccount(platform, platform, token, { ...options, ...(appToken === undefined ? {} : { appToken }) })
}

async function* examineRouter(env: Env, signal: AbortSignal): AsyncGenerator<Diagnosis, void, void> {
  const config = attempt(() => botConfigFromEnv(env))
  if (config instanceof WgrokError) return yield unusable('router', config)
  yield { subject: 'configuration', ok: true, what: 'the variables of a router are complete' }
  const routes: Address[] = []
  for (const [slug, target] of Object.entries(config.routes ?? {})) {
    const address = attempt(() => parseAddress(target))
    if (address instanceof WgrokError) yield { ...unusable('routes', address), what: `${slug}: ${address.message}` }
    else {
      const unmet = unmetRoute(slug, address, config)
      if (unmet === undefined) routes.push(address)
      else yield unmet
    }
  }
  for (const [platform, tokens] of accountsOf(config)) {
    const targets = routes.filter(address => address.platform === platform)
    for (const [index, token] of tokens.entries()) {
      const appToken = platform === 'slack' ? config.slackAppTokens?.[index] : undefined
      const { discordPublicKey: publicKey } = config
      yield* examineAccount(`${platform}-${index + 1}`, platform, token, {
        role: 'router',
        ...sharedOf(config, platform),
        listens: config.slackSigningSecret === undefined,
        targets,
        signal,
        ...(appToken === undefined ? {} : { appToken }),
        ...(publicKey === undefined || index > 0 ? {} : { publicKey }),
      })
    }
  }
  yield* examineHttp(config, signal)
}

/** A route to where the router has no account, or no adapter may connect. */
function unmetRoute(slug: string, { id, platform }: Address, config: BotConfig): Diagnosis | undefined {
  if (platform === 'bridge') {
    if ((config.bridgeTokens ?? []).some(entry => entry.startsWith(`${id}:`))) return undefined
    const what = `${slug}: no adapter can connect as ${id}`
    return { subject: 'routes', ok: false, what, fix: `Add ${id}:<token> to WGROK_BRIDGE_TOKENS.` }
  }
  if (accountsOf(config).some(([name, tokens]) => name === platform && tokens.length > 0)) return undefined
  const fix = `Set WGROK_${platform.toUpperCase()}_TOKENS, or route the slug to another platform.`
  return { subject: 'routes', ok: false, what: `${slug}: the router has no account on ${platform}`, fix }
}

function accountsOf(config: BotConfig): readonly (readonly [Platform, readonly string[]])[] {
  const { discordTokens = [], ircTokens = [], slackTokens = [], webexTokens = [] } = config
  return [
    ['webex', webexTokens],
    ['slack', slackTokens],
    ['discord', discordTokens],
    ['irc', ircTokens],
  ]
}

async function* examineAccount(
  subject: string,
  platform: Platform,
  token: string,
  options: DoctorOptions,
): AsyncGenerator<Diagnosis, void, void> {
  try {
    for await (const finding of checkAccount(platform, token, options)) yield { subject, ...finding }
  } catch (caught) {
    yield { subject, ok: false, what: WgrokError.from(caught).message }
  }
}

/** The bridge and the webhooks, when the router runs; and the URL that platforms are told. */
async function* examineHttp(config: BotConfig, signal: AbortSignal): AsyncGenerator<Diagnosis, void, void> {
  const {
    bridgePort = LIMITS.bridgePort,
    bridgeTokens = [],
    publicUrl,
    webhookHost = '127.0.0.1',
    webhookPort,
  } = config
  const hooks = [config.discordPublicKey, config.slackSigningSecret, config.webexWebhookSecret]
  const hooked = hooks.some(secret => secret !== undefined)
  if (bridgeTokens.length > 0 || webhookPort !== undefined || hooked) {
    const port = webhookPort ?? bridgePort
    const host = webhookHost === '0.0.0.0' ? '127.0.0.1' : webhookHost === '::' ? '::1' : webhookHost
    const where = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
    yield {
      subject: 'http',
      ...(port === 0 ? { ok: true, what: 'any free port will do' } : await local(where, signal)),
    }
  }
  if (publicUrl !== undefined) yield { subject: 'http', ...(await outside(publicUrl, signal)) }
  else if (hooked) {
    const what = 'WGROK_PUBLIC_URL is not set: platforms have to be told the URL of the webhooks by hand'
    yield { subject: 'http', ok: config.webexWebhookSecret === undefined, what, fix: 'Set it, so that Webex is told.' }
  }
}

async function local(url: string, signal: AbortSignal): Promise<Finding> {
  const probed = await probe(url, signal)
  if (probed === 'router') return { ok: true, what: `a router answers on ${url}` }
  if (probed === 'refused') return { ok: true, what: `nothing listens on ${url} yet: no router runs there` }
  const fix = 'Stop it, or choose another port with WGROK_WEBHOOK_PORT or WGROK_BRIDGE_PORT.'
  return { ok: false, what: `something that is no router has ${url}`, fix }
}

async function outside(publicUrl: string, signal: AbortSignal): Promise<Finding> {
  if ((await probe(publicUrl.replace(/\/+$/, ''), signal)) === 'router') {
    return { ok: true, what: 'a router answers under WGROK_PUBLIC_URL' }
  }
  const fix = 'Start the router, and have the proxy in front hand /webhooks and /healthz on to it.'
  return { ok: false, what: 'no router answers under WGROK_PUBLIC_URL', fix }
}

async function probe(url: string, signal: AbortSignal): Promise<'router' | 'refused' | 'other'> {
  const { request } = await import('undici')
  const limit = deadline(signal, PROBE)
  try {
    const { body, statusCode } = await request(`${url}/healthz`, { signal: limit.signal })
    const text = (await body.text()).slice(0, 100)
    return statusCode === 200 && text.includes('"status":"ok"') ? 'router' : 'other'
  } catch (caught) {
    return (caught as { readonly code?: unknown }).code === 'ECONNREFUSED' ? 'refused' : 'other'
  } finally {
    limit.release()
  }
}

function sharedOf(config: SenderConfig | ReceiverConfig | BotConfig, platform: Platform): Partial<DoctorOptions> {
  const { discordApiUrl, proxy, slackApiUrl, webexApiUrl, webexCatalogUrl: catalogUrl } = config
  const apiUrl = { webex: webexApiUrl, slack: slackApiUrl, discord: discordApiUrl, irc: undefined, bridge: undefined }
  const own = apiUrl[platform]
  return {
    ...(proxy === undefined ? {} : { proxy }),
    ...(own === undefined ? {} : { apiUrl: own }),
    ...(catalogUrl === undefined ? {} : { catalogUrl }),
  }
}

function unusable(subject: string, error: WgrokError): Diagnosis {
  const fix = 'Set the variable that is named; the README lists all of them with their forms.'
  return { subject, ok: false, what: error.message, fix }
}

function attempt<T>(make: () => T): T | WgrokError {
  try {
    return make()
  } catch (error) {
    return WgrokError.from(error)
  }
}

function isSet(env: Env, name: string): boolean {
  return env[name] !== undefined && env[name] !== ''
}

/** Platforms' error texts do not repeat tokens; this is for the one that might. */
function concealer(env: Env): (text: string) => string {
  const rows: readonly ConfigRow[] = [...SENDER_CONFIG, ...RECEIVER_CONFIG, ...BOT_CONFIG]
  const secrets = rows
    .filter(({ secret }) => secret)
    .flatMap(({ env: name }) => [env[name] ?? '', ...(env[name] ?? '').split(',')])
    .map(text => text.trim())
    .filter(text => text.length >= 6)
    .sort((a, b) => b.length - a.length)
  return text => secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}
