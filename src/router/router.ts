import { type Allowlist, compileAllowlist } from '../access/allowlist.js'
import type { BridgeServer } from '../bridge/server.js'
import { Dedupe } from '../bus/dedupe.js'
import { type Clock, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, openLogger } from '../log.js'
import type { Address, BotConfig, Platform } from '../protocol.js'
import { MemorySpool } from '../spool/memory.js'
import type { LaneStats, Spool, SpoolEntry, SpoolStats } from '../spool/spool.js'
import { addressKey, parseAddress } from '../transport/address.js'
import type { InboundMessage, Transport, TransportStatus } from '../transport/transport.js'
import { openAccounts } from './accounts.js'
import { arrivalOf, type Outcome } from './arrival.js'
import { checkBotConfig } from './checks.js'
import type { HttpServer, Posted } from './http.js'
import { Inboxes } from './inboxes.js'
import { Outbox } from './outbox.js'
import { Pipeline, type PipelineRules } from './pipeline.js'
import { type Account, AccountPool } from './pool.js'
import { Registry } from './registry.js'

/** What a router may be given beside its configuration. */
export interface RouterOptions {
  /** Default: NDJSON on standard error, as `config.debug` says. */
  readonly logger?: Logger
  readonly clock?: Clock
  /** Returns 0 <= x < 1; spreads retries. Default `Math.random`. */
  readonly random?: () => number
  /** Further accounts beside those of the configuration. Closed together with the router. */
  readonly transports?: readonly Transport[]
  /** Where accepted messages wait. Default: what the configuration says, else memory. Closed together with the router. */
  readonly spool?: Spool
}

/** One account in a {@link RouterStatus}. */
export interface AccountStatus {
  readonly name: string
  readonly platform: Platform
  readonly status: TransportStatus
  /** Milliseconds since 1970; 0 before the first message. */
  readonly lastHeardAt: number
}

/** What a router is doing. */
export interface RouterStatus {
  readonly state: 'idle' | 'starting' | 'live' | 'closing' | 'closed'
  readonly accounts: readonly AccountStatus[]
  readonly spool: SpoolStats & { readonly name: Spool['name'] }
  /** Lanes with something in them. */
  readonly lanes: readonly LaneStats[]
  /** Lanes that are held, empty ones too. */
  readonly held: readonly string[]
  /** Whether {@link WgrokRouter.pause} without an address is in force. */
  readonly paused: boolean
  readonly counts: RouterCounts
}

/** Since the start. */
export interface RouterCounts {
  readonly heard: number
  readonly accepted: number
  readonly duplicate: number
  readonly ignored: number
  readonly refused: number
  readonly sent: number
  readonly dead: number
}

type Counts = { -readonly [K in keyof RouterCounts]: number }

/**
 * The router: hears frames on every configured platform, on the bridge and over the webhook, and relays them.
 *
 * An instance starts once.
 */
export class WgrokRouter {
  readonly #config: BotConfig
  readonly #options: RouterOptions
  readonly #clock: Clock
  readonly #pool: AccountPool
  readonly #dedupe: Dedupe
  readonly #counts: Counts = { heard: 0, accepted: 0, duplicate: 0, ignored: 0, refused: 0, sent: 0, dead: 0 }
  readonly #allowlist: Allowlist
  #state: RouterStatus['state'] = 'idle'
  #logger: Logger | undefined
  #spool: Spool | undefined
  #outbox: Outbox | undefined
  #pipeline: Pipeline | undefined
  #bridge: BridgeServer | undefined
  #http: HttpServer | undefined
  #closing: Promise<void> | undefined

  /** @throws WgrokError `config-missing`, `config-invalid` or `pattern-invalid` naming the variable. */
  constructor(config: BotConfig, options: RouterOptions = {}) {
    checkBotConfig(config, options.transports ?? [])
    this.#config = config
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#pool = new AccountPool(this.#clock, options.random ?? Math.random)
    this.#dedupe = new Dedupe({ clock: this.#clock })
    this.#allowlist = compileAllowlist(config.domains)
  }

  /** `ws://host:port` of the bridge, the real port in it; undefined while it does not listen. */
  get bridgeUrl(): string | undefined {
    return this.#bridge === undefined ? undefined : this.#url('ws')
  }

  /** `http://host:port` of the HTTP endpoint; undefined while it does not listen. */
  get httpUrl(): string | undefined {
    return this.#url('http')
  }

  /**
   * Opens every account and the HTTP endpoint; resolves once all of them are live.
   *
   * When one fails, whatever was opened is closed again.
   *
   * @throws WgrokError `auth-failed`, `unsupported` for a platform that this version does not speak, `config-invalid`, …
   */
  async start(): Promise<void> {
    if (this.#state !== 'idle') throw new WgrokError('closed', 'a router starts once')
    this.#state = 'starting'
    try {
      await this.#open()
    } catch (error) {
      await this.close().catch(() => {})
      throw WgrokError.from(error)
    }
  }

  /**
   * Hears nothing more, waits until what was accepted has left, at most `LIMITS.drainTimeout`, then closes everything.
   * Idempotent; a second call while the first one waits ends the wait.
   */
  close(): Promise<void> {
    if (this.#closing !== undefined) this.#outbox?.stop()
    this.#closing ??= this.#close()
    return this.#closing
  }

  /**
   * Holds what would be sent to an address; without one, everything. The router still hears and accepts.
   *
   * @param address as text, `[platform:][kind:]id`, or an {@link Address}
   * @throws WgrokError `target-invalid`, `closed`
   */
  async pause(address?: string | Address): Promise<void> {
    const outbox = this.#running()
    if (address === undefined) outbox.holdAll()
    else await outbox.hold(laneOf(address))
  }

  /** Ends {@link pause} for the same address; without one, the pause of everything. */
  async resume(address?: string | Address): Promise<void> {
    const outbox = this.#running()
    await (address === undefined ? outbox.releaseAll() : outbox.release(laneOf(address)))
  }

  async status(): Promise<RouterStatus> {
    const spool = this.#spool
    const accounts = this.#pool.accounts()
    return {
      state: this.#state,
      accounts: accounts.map(({ name, platform, status, lastHeardAt }) => ({ name, platform, status, lastHeardAt })),
      spool: { ...(spool?.stats() ?? NOTHING), name: spool?.name ?? 'memory' },
      lanes: (await spool?.lanes()) ?? [],
      held: spool?.held() ?? [],
      paused: this.#outbox?.allHeld ?? false,
      counts: { ...this.#counts },
    }
  }

  async #open(): Promise<void> {
    const config = this.#config
    const { transports = [], random = Math.random } = this.#options
    const clock = this.#clock
    const logger = this.#options.logger ?? (await openRouterLogger(config))
    this.#logger = logger
    const shared = { logger, clock, random }
    const opened = await openAccounts(config, shared)
    this.#bridge = opened.bridge
    const accounts = [...opened.transports, ...transports].map(transport => this.#pool.add(transport))
    const spool = this.#options.spool ?? new MemorySpool({ clock, logger })
    this.#spool = spool
    const outbox = new Outbox({
      spool,
      clock,
      random,
      logger,
      dispatch: (entry, signal) => this.#send(entry, signal),
      onSettled: (_entry, error) => void this.#counts[error === undefined ? 'sent' : 'dead']++,
    })
    this.#outbox = outbox
    this.#pipeline = new Pipeline({
      rules: this.#rules(),
      dedupe: this.#dedupe,
      inboxes: new Inboxes(clock),
      clock,
      logger,
      accept: entry => outbox.accept(entry),
      hold: (lane, held) => (held ? outbox.hold(lane) : outbox.release(lane)),
      callerAddress: from => this.#callerAddress(from),
    })
    await outbox.start()
    for (const account of accounts) void this.#watch(account, logger)
    await Promise.all(accounts.map(account => account.transport.listen(message => this.#deliver(account, message))))
    await this.#listen(logger)
    this.#state = 'live'
    logger.info('router is live', { accounts: accounts.length, routes: Object.keys(config.routes ?? {}).length })
  }

  async #close(): Promise<void> {
    this.#state = 'closing'
    const left = (await this.#outbox?.close()) ?? 0
    if (left > 0 && this.#spool?.durable === false) {
      this.#logger?.warn('closed before everything was sent: messages are lost', { count: left })
    }
    await this.#http?.close()
    await this.#pool.close()
    await this.#bridge?.close()
    await this.#spool?.close()
    this.#state = 'closed'
  }

  #rules(): PipelineRules {
    const platforms = this.#pool.platforms
    return {
      allowlist: this.#allowlist,
      registry: new Registry(this.#config.routes ?? {}, platforms),
      apps: new Set(),
    }
  }

  async #watch(account: Account, logger: Logger): Promise<void> {
    await this.#pool.watch(account, status => {
      const fields = { account: account.name, ...status }
      if (status.state === 'failed' || status.state === 'stale') logger.error(`account is ${status.state}`, fields)
      else logger.info(`account is ${status.state}`, fields)
    })
  }

  /** Rejects when the router could not take the message for now, so that the platform repeats it. */
  async #deliver(account: Account, message: InboundMessage): Promise<void> {
    this.#pool.heard(account)
    const outcome = await this.#take(pipeline => pipeline.take(arrivalOf(message, account.name)))
    if (outcome.status === 'refused' && outcome.again) throw outcome.error
  }

  async #post({ id, request }: Posted): Promise<Outcome> {
    return this.#take(pipeline =>
      pipeline.take({
        source: 'webhook',
        id,
        text: request.text,
        cards: request.attachments ?? [],
        sender: { principals: [request.from] },
        conversation: undefined,
        via: undefined,
        mentions: undefined,
      }),
    )
  }

  #take(take: (pipeline: Pipeline) => Outcome | Promise<Outcome>): Outcome | Promise<Outcome> {
    const pipeline = this.#pipeline
    if (pipeline === undefined || this.#closing !== undefined) throw new WgrokError('closed', 'the router is closing')
    this.#counts.heard++
    const outcome = take(pipeline)
    return outcome instanceof Promise ? outcome.then(late => this.#count(late)) : this.#count(outcome)
  }

  #count(outcome: Outcome): Outcome {
    this.#counts[outcome.status]++
    return outcome
  }

  async #send(entry: SpoolEntry, signal: AbortSignal): Promise<void> {
    const { cards, id, mention, text, to, via } = entry
    const message = { text, ...(cards === undefined ? {} : { cards }), ...(mention === undefined ? {} : { mention }) }
    const receipt = await this.#pool.send(to, message, { via, signal, idempotencyKey: id })
    // Another account of ours may hear it: what the router said itself is not news.
    if (to.platform !== 'bridge') this.#dedupe.first(to.platform, receipt.messageId)
  }

  /** Somebody known by an e-mail address only can be reached where the platform knows people by it. */
  #callerAddress(from: string): Address | undefined {
    if (!/^[^@\s]+@[^@\s]+$/.test(from) || !this.#pool.platforms.has('webex')) return undefined
    return { platform: 'webex', kind: 'email', id: from }
  }

  async #listen(logger: Logger): Promise<void> {
    const { bridgePort, webhookHost = '127.0.0.1', webhookPort, webhookSecret } = this.#config
    const bridge = this.#bridge
    if (bridge === undefined && webhookPort === undefined) return
    const { openHttp } = await import('./http.js')
    this.#http = await openHttp({
      host: webhookHost,
      port: webhookPort ?? bridgePort ?? 8787,
      logger,
      ...(webhookPort === undefined || webhookSecret === undefined
        ? {}
        : { webhook: { secret: webhookSecret, post: posted => this.#post(posted) } }),
      ...(bridge === undefined
        ? {}
        : { upgrade: (request, socket, head) => bridge.handleUpgrade(request, socket, head) }),
    })
  }

  #url(scheme: 'ws' | 'http'): string | undefined {
    if (this.#http === undefined) return undefined
    const host = this.#config.webhookHost ?? '127.0.0.1'
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${this.#http.port}`
  }

  #running(): Outbox {
    if (this.#outbox === undefined || this.#closing !== undefined)
      throw new WgrokError('closed', 'the router does not run')
    return this.#outbox
  }
}

const NOTHING: SpoolStats = { messages: 0, bytes: 0, lanes: 0, dead: 0, dropped: 0 }

function laneOf(address: string | Address): string {
  return addressKey(typeof address === 'string' ? parseAddress(address) : address)
}

function openRouterLogger(config: BotConfig): Promise<Logger> {
  const lists = [config.webexTokens, config.slackTokens, config.slackAppTokens, config.discordTokens, config.ircTokens]
  const bridge = (config.bridgeTokens ?? []).map(entry => entry.slice(entry.indexOf(':') + 1))
  const single = [
    config.webhookSecret,
    config.webexWebhookSecret,
    config.slackSigningSecret,
    config.natsUrl,
    config.proxy,
  ]
  const secrets = [...lists.flatMap(list => list ?? []), ...bridge, ...single].filter(secret => secret !== undefined)
  return openLogger({ debug: config.debug === true, module: 'router', secrets })
}
