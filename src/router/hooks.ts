import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { BotConfig } from '../protocol.js'
import { createDial, type Dial } from '../transport/dial.js'
import type { InboundMessage } from '../transport/transport.js'
import type { Webhook } from '../transport/webhook.js'
import type { Outcome } from './arrival.js'

/** Options of {@link openHooks}. */
export interface HooksOptions {
  readonly clock: Clock
  readonly random: () => number
  readonly logger: Logger
  /**
   * Takes a message as if the account of that name, say `slack-1`, had heard it. Rejects when the message could not be
   * taken for now, so that the platform repeats it.
   */
  readonly hear: (account: string, message: InboundMessage) => Promise<Outcome>
}

/** The platforms' webhooks that a configuration asks for. */
export interface Hooks {
  /** Endpoints by what stands after `/webhooks/`. */
  readonly endpoints: ReadonlyMap<string, Webhook>
  /** Tells the platforms where the endpoints are, now and again and again, where that can be told by API. Never rejects. */
  register(): Promise<void>
  close(): Promise<void>
}

/** How often registrations are looked after, in ms: Webex switches off what failed too often. */
const REFRESH = 10 * 60_000
/** The same after a failure. */
const REFRESH_SOON = 60_000

/** What the endpoints of all platforms share. */
interface Scope extends HooksOptions {
  readonly dial: Dial
  readonly signal: AbortSignal
  readonly endpoints: Map<string, Webhook>
  readonly registrations: (() => Promise<void>)[]
  readonly closing: (() => Promise<void>)[]
}

/**
 * Makes the endpoints whose secret and token are configured; loads the code of those platforms only.
 *
 * @returns undefined where nothing is configured.
 * @throws WgrokError `config-missing` for a secret without a token, `config-invalid` for a key of another form.
 */
export async function openHooks(config: BotConfig, options: HooksOptions): Promise<Hooks | undefined> {
  const { discordPublicKey, proxy, slackSigningSecret, webexWebhookSecret } = config
  const ending = new AbortController()
  const scope: Scope = {
    ...options,
    dial: createDial(proxy === undefined ? {} : { proxy }),
    signal: ending.signal,
    endpoints: new Map(),
    registrations: [],
    closing: [],
  }
  if (webexWebhookSecret !== undefined) await addWebex(config, webexWebhookSecret, scope)
  if (slackSigningSecret !== undefined) await addSlack(config, slackSigningSecret, scope)
  if (discordPublicKey !== undefined) await addDiscord(config, discordPublicKey, scope)
  if (scope.endpoints.size === 0) return undefined
  const registrar = new Registrar(scope)
  return {
    endpoints: scope.endpoints,
    register: () => registrar.run(),
    async close() {
      ending.abort(new WgrokError('closed', 'the router is closing'))
      registrar.stop()
      await Promise.allSettled(scope.closing.map(close => close()))
    },
  }
}

/** One endpoint per token: a delivery does not say whose it is, and each token may read only what is its own. */
async function addWebex(config: BotConfig, secret: string, scope: Scope): Promise<void> {
  const { publicUrl, webexApiUrl: apiUrl } = config
  const [{ createWebexApi }, { createWebexWebhook, registerWebexWebhooks }] = await Promise.all([
    import('../transport/webex/api.js'),
    import('../transport/webex/webhook.js'),
  ])
  const { clock, dial, hear, logger, random, signal } = scope
  for (const [index, token] of tokensOf('WGROK_WEBEX', config.webexTokens).entries()) {
    const name = index === 0 ? 'webex' : `webex/${index + 1}`
    const api = createWebexApi(token, { dial, apiUrl })
    const deliver = async (message: InboundMessage) => void (await hear(`webex-${index + 1}`, message))
    scope.closing.push(() => api.close())
    scope.endpoints.set(name, createWebexWebhook({ secret, api, deliver, clock, random, logger, signal }))
    if (publicUrl === undefined) continue
    const targetUrl = `${publicUrl.replace(/\/+$/, '')}/webhooks/${name}`
    scope.registrations.push(() => registerWebexWebhooks(api, { targetUrl, secret, signal }))
  }
}

/** The app of the first token: a signing secret belongs to one app. */
async function addSlack(config: BotConfig, signingSecret: string, scope: Scope): Promise<void> {
  const { proxy, slackApiUrl: apiUrl } = config
  const [{ createSlackApi }, { createSlackDirectory }, { createSlackWebhook }] = await Promise.all([
    import('../transport/slack/api.js'),
    import('../transport/slack/identity.js'),
    import('../transport/slack/webhook.js'),
  ])
  const [token = ''] = tokensOf('WGROK_SLACK', config.slackTokens)
  const { clock, hear, logger, random, signal } = scope
  const api = createSlackApi(token, { proxy, apiUrl })
  const directory = createSlackDirectory(api, { clock, random, logger, signal })
  const deliver = async (message: InboundMessage) => void (await hear('slack-1', message))
  scope.closing.push(() => api.close())
  scope.endpoints.set('slack', createSlackWebhook({ signingSecret, directory, deliver, clock, logger }))
}

/** The application of the first token: a public key belongs to one application. */
async function addDiscord(config: BotConfig, publicKey: string, scope: Scope): Promise<void> {
  const { discordApiUrl: apiUrl } = config
  const [{ createDiscordApi }, { createDiscordWebhook }] = await Promise.all([
    import('../transport/discord/api.js'),
    import('../transport/discord/webhook.js'),
  ])
  const [token = ''] = tokensOf('WGROK_DISCORD', config.discordTokens)
  const { clock, dial, hear, logger } = scope
  const api = createDiscordApi(token, { dial, clock, ...(apiUrl === undefined ? {} : { apiUrl }) })
  const deliver = (message: InboundMessage) => hear('discord-1', message)
  scope.closing.push(() => api.close())
  scope.endpoints.set('discord', createDiscordWebhook({ publicKey, deliver, api, clock, logger }))
}

function tokensOf(prefix: string, tokens: readonly string[] | undefined): readonly string[] {
  if (tokens !== undefined && tokens.length > 0) return tokens
  throw new WgrokError('config-missing', `${prefix}_TOKENS is not set, and the webhook of that platform needs it`)
}

/** Repeats the registrations for as long as the router runs. */
class Registrar {
  readonly #scope: Scope
  #timer: Timer | undefined
  #stopped = false

  constructor(scope: Scope) {
    this.#scope = scope
  }

  async run(): Promise<void> {
    const { clock, logger, registrations } = this.#scope
    if (registrations.length === 0 || this.#stopped) return
    const results = await Promise.allSettled(registrations.map(register => register()))
    if (this.#stopped) return
    const failures = results.filter(result => result.status === 'rejected')
    for (const { reason } of failures) {
      const error = WgrokError.from(reason)
      logger.error('a webhook could not be registered', { code: error.code, error })
    }
    const wait = failures.length === 0 ? REFRESH : REFRESH_SOON
    this.#timer = clock.setTimeout(() => void this.run(), wait, { unref: true })
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }
}
