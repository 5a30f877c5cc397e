import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { LIMITS } from '../../generated/limits.js'
import { compileAllowlist } from '../access/allowlist.js'
import type { BridgeServer } from '../bridge/server.js'
import { Dedupe } from '../bus/dedupe.js'
import { openScope } from '../bus/scope.js'
import { type Clock, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, openLogger } from '../log.js'
import type { Mutable } from '../mutable.js'
import type { Address, BotConfig, Card, Platform } from '../protocol.js'
import { serveAdmin } from '../spool/admin.js'
import type { Spool, SpoolEntry, SpoolStats } from '../spool/spool.js'
import { addressKey, parseAddress } from '../transport/address.js'
import { cardsFor } from '../transport/cards.js'
import { createDial } from '../transport/dial.js'
import type { InboundMessage, OutboundMessage, Transport } from '../transport/transport.js'
import { openAccounts } from './accounts.js'
import { AppJobs } from './app-jobs.js'
import { AppCaller } from './apps.js'
import { type Arrival, arrivalOf, type Outcome } from './arrival.js'
import { checkBotConfig } from './checks.js'
import { type Hooks, openHooks } from './hooks.js'
import type { HttpServer } from './http.js'
import { Inboxes } from './inboxes.js'
import type { Metrics } from './metrics.js'
import { openSpool } from './open-spool.js'
import { Outbox } from './outbox.js'
import { Pipeline, type PipelineRules } from './pipeline.js'
import { type Account, AccountPool } from './pool.js'
import { postFrame } from './post.js'
import { Registry } from './registry.js'
import { type RouterCounts, type RouterStatus, readinessOf } from './status.js'
import { Waiters } from './waiters.js'

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

/** What may change while the router runs. */
export type ReloadableConfig = Pick<BotConfig, 'domains' | 'routes' | 'apps' | 'bridgeTokens'>

/** Everything that exists from the start to the end of a run. */
interface Running {
  readonly logger: Logger
  readonly spool: Spool
  readonly outbox: Outbox
  readonly pipeline: Pipeline
  readonly jobs: AppJobs
}

/**
 * The router: hears frames on every configured platform, on the bridge and over the webhook, and relays them.
 *
 * An instance starts once.
 */
export class WgrokRouter {
  readonly #options: RouterOptions
  readonly #clock: Clock
  readonly #pool: AccountPool
  readonly #dedupe: Dedupe
  readonly #waiters: Waiters
  readonly #apps: AppCaller
  readonly #counts: Mutable<RouterCounts> = {
    heard: 0,
    accepted: 0,
    duplicate: 0,
    ignored: 0,
    refused: 0,
    sent: 0,
    dead: 0,
  }
  #config: BotConfig
  #state: RouterStatus['state'] = 'idle'
  #running: Running | undefined
  #bridge: BridgeServer | undefined
  #http: HttpServer | undefined
  #hooks: Hooks | undefined
  #metrics: Metrics | undefined
  #closing: Promise<void> | undefined

  /** @throws WgrokError `config-missing`, `config-invalid` or `pattern-invalid` naming the variable. */
  constructor(config: BotConfig, options: RouterOptions = {}) {
    checkBotConfig(config, options.transports ?? [])
    const clock = options.clock ?? systemClock
    this.#config = config
    this.#options = options
    this.#clock = clock
    this.#pool = new AccountPool(clock, options.random ?? Math.random)
    this.#dedupe = new Dedupe({ clock })
    this.#waiters = new Waiters(clock)
    const proxy = config.proxy === undefined ? {} : { proxy: config.proxy }
    this.#apps = new AppCaller({ dial: createDial(proxy), dialLocal: createDial(), clock })
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
    if (this.#closing !== undefined) this.#running?.outbox.stop()
    this.#closing ??= this.#close()
    return this.#closing
  }

  /**
   * Takes new routes, applications, bridge tokens and a new allowlist from the next message on. No connection is dropped
   * but those whose bridge token is gone.
   *
   * @throws WgrokError `config-invalid` when something makes no sense; everything stays as it was then.
   */
  reload(config: ReloadableConfig): void {
    const { outbox: _, ...running } = this.#mustRun()
    const { apps, bridgeTokens, domains, routes } = config
    const next: BotConfig = {
      ...this.#config,
      domains,
      ...(routes === undefined ? {} : { routes }),
      ...(apps === undefined ? {} : { apps }),
      ...(bridgeTokens === undefined ? {} : { bridgeTokens }),
    }
    checkBotConfig(next, this.#options.transports ?? [])
    const rules = this.#rulesOf(next)
    if (bridgeTokens !== undefined && bridgeTokens.length > 0) this.#bridge?.setTokens(bridgeTokens)
    this.#config = next
    this.#apps.setApps(next.apps ?? {})
    running.pipeline.setRules(rules)
    running.logger.info('configuration was read again', { routes: rules.registry.size, apps: rules.apps.size })
  }

  /**
   * Holds what would be sent to an address; without one, everything. The router still hears and accepts.
   *
   * @param address as text, `[platform:][kind:]id`, or an {@link Address}
   * @throws WgrokError `target-invalid`, `closed`
   */
  async pause(address?: string | Address): Promise<void> {
    const { outbox } = this.#mustRun()
    if (address === undefined) outbox.holdAll()
    else await outbox.hold(laneOf(address))
  }

  /** Ends {@link pause} for the same address; without one, the pause of everything. */
  async resume(address?: string | Address): Promise<void> {
    const { outbox } = this.#mustRun()
    await (address === undefined ? outbox.releaseAll() : outbox.release(laneOf(address)))
  }

  /**
   * Asks a peer to hold its messages (`./pause`) or to send again (`./resume`). It passes by a lane that is held.
   *
   * @throws WgrokError of the transport; `target-invalid`, `closed`
   */
  async ask(what: 'pause' | 'resume', address: string | Address): Promise<void> {
    this.#mustRun()
    const to = typeof address === 'string' ? parseAddress(address) : address
    const scope = openScope([], { ms: LIMITS.sendTimeout, clock: this.#clock, what: 'the send' })
    try {
      await this.#pool.send(to, { text: `./${what}` }, { signal: scope.signal, idempotencyKey: randomUUID() })
    } finally {
      scope.release()
    }
  }

  async status(): Promise<RouterStatus> {
    const { outbox, spool } = this.#running ?? {}
    const accounts = this.#pool.accounts()
    return {
      state: this.#state,
      accounts: accounts.map(({ name, platform, status, lastHeardAt }) => ({ name, platform, status, lastHeardAt })),
      spool: { ...(spool?.stats() ?? NOTHING), name: spool?.name ?? 'memory' },
      lanes: (await spool?.lanes()) ?? [],
      held: spool?.held() ?? [],
      paused: outbox?.allHeld ?? false,
      counts: { ...this.#counts },
    }
  }

  async #open(): Promise<void> {
    const config = this.#config
    const { random = Math.random, transports = [] } = this.#options
    const clock = this.#clock
    const logger = this.#options.logger ?? (await openRouterLogger(config))
    const opened = await openAccounts(config, { logger, clock, random })
    this.#bridge = opened.bridge
    const accounts = [...opened.transports, ...transports].map(transport => this.#pool.add(transport))
    const rules = this.#rulesOf(config)
    this.#apps.setApps(config.apps ?? {})
    const onConnection = (socket: Socket): void => serveAdmin(socket, () => this.#running?.spool)
    const spool = this.#options.spool ?? (await openSpool(config, { logger, clock, onConnection }))
    const outbox = new Outbox({
      spool,
      clock,
      random,
      logger,
      dispatch: (entry, signal, maybeSent) => this.#dispatch(entry, signal, maybeSent),
      onSettled: (entry, error) => this.#settled(entry, error),
    })
    const pipeline = new Pipeline({
      rules,
      dedupe: this.#dedupe,
      inboxes: new Inboxes(clock),
      waiters: this.#waiters,
      clock,
      logger,
      accept: entry => outbox.accept(entry),
      hold: (lane, held) => (held ? outbox.hold(lane) : outbox.release(lane)),
      callerAddress: from => this.#callerAddress(from),
    })
    const jobs = new AppJobs({
      caller: this.#apps,
      clock,
      logger,
      limitOf: platform => this.#pool.limitOf(platform),
      answer: (job, text, part) => this.#answer(job, text, part),
    })
    this.#running = { logger, spool, outbox, pipeline, jobs }
    await outbox.start()
    for (const account of accounts) void this.#watch(account, logger)
    await Promise.all(accounts.map(account => account.transport.listen(message => this.#listenTo(account, message))))
    await this.#listen(logger)
    this.#state = 'live'
    logger.info('router is live', { accounts: accounts.length, routes: rules.registry.size, apps: rules.apps.size })
  }

  async #close(): Promise<void> {
    this.#state = 'closing'
    const running = this.#running
    const left = (await running?.outbox.close()) ?? 0
    if (left > 0 && running?.spool.durable === false) {
      running.logger.warn('closed before everything was sent: messages are lost', { count: left })
    }
    this.#waiters.close()
    // The HTTP server is closed when the adapters' connections are, which it opened.
    await Promise.all([this.#http?.close(), this.#bridge?.close()])
    await this.#hooks?.close()
    await this.#pool.close()
    await this.#apps.close()
    running?.jobs.close()
    await running?.spool.close()
    this.#state = 'closed'
  }

  #rulesOf(config: BotConfig): PipelineRules {
    return {
      allowlist: compileAllowlist(config.domains),
      registry: new Registry(config.routes ?? {}, this.#pool.platforms),
      apps: new Set(Object.keys(config.apps ?? {})),
    }
  }

  async #watch(account: Account, logger: Logger): Promise<void> {
    await this.#pool.watch(account, status => {
      const fields = { account: account.name, ...status }
      if (status.state === 'failed' || status.state === 'stale') logger.error(`account is ${status.state}`, fields)
      else logger.info(`account is ${status.state}`, fields)
    })
  }

  /** Resolves with no value, and mostly at once: of a promise's cost, a message that waits for nothing bears none. */
  #listenTo(account: Account, message: InboundMessage): Promise<void> {
    try {
      const outcome = this.#deliver(account, message)
      return outcome instanceof Promise ? outcome.then(nothing) : DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @throws WgrokError when the router could not take the message for now, so that the platform repeats it. */
  #deliver(account: Account, message: InboundMessage): Outcome | Promise<Outcome> {
    this.#pool.heard(account)
    const outcome = this.#take(arrivalOf(message, account.name))
    return outcome instanceof Promise ? outcome.then(unlessAgain) : unlessAgain(outcome)
  }

  /** As if the account of that name had heard it. */
  async #hear(name: string, message: InboundMessage): Promise<Outcome> {
    const account = this.#pool.accounts().find(candidate => candidate.name === name)
    if (account === undefined) throw new WgrokError('internal', `there is no account ${name}`)
    return this.#deliver(account, message)
  }

  #take(arrival: Arrival): Outcome | Promise<Outcome> {
    const { pipeline } = this.#mustRun()
    this.#counts.heard++
    const outcome = pipeline.take(arrival)
    return outcome instanceof Promise ? outcome.then(late => this.#count(late)) : this.#count(outcome)
  }

  #count(outcome: Outcome): Outcome {
    this.#counts[outcome.status]++
    return outcome
  }

  #dispatch(entry: SpoolEntry, signal: AbortSignal, maybeSent: boolean): Promise<unknown> {
    const { acceptedAt, cards, id, job, mention, text, to, via } = entry
    if (job !== undefined) return this.#mustHave().jobs.run(entry, job, signal)
    if (to === undefined) return Promise.reject(new WgrokError('target-invalid', 'the entry has no destination'))
    const message: Mutable<OutboundMessage> = { text }
    if (mention !== undefined) message.mention = mention
    const shown = cards === undefined ? [] : this.#shown(to.platform, cards, id)
    if (shown.length > 0) message.cards = shown
    const maybeSentSince = maybeSent ? acceptedAt : undefined
    const sent = this.#pool.send(to, message, { via, signal, idempotencyKey: id, maybeSentSince })
    // What the router said itself is not news when another account of its hears it.
    const isHeard = this.#pool.hasSeveral(to.platform)
    return isHeard ? sent.then(({ messageId }) => this.#dedupe.first(to.platform, messageId)) : sent
  }

  #shown(platform: Platform, cards: readonly Card[], messageId: string): readonly Card[] {
    const shown = cardsFor(platform, cards)
    const hidden = cards.length - shown.length
    if (hidden > 0) this.#mustHave().logger.info('cards left out', { platform, messageId, hidden })
    return shown
  }

  /** One frame of an application's answer: to the caller who waits, else into the lane of his conversation. */
  async #answer(job: SpoolEntry, text: string, part: number): Promise<void> {
    const { id, mention, to, via, waiter } = job
    if (waiter !== undefined && this.#waiters.answer(waiter, text)) return
    const { logger, outbox } = this.#mustHave()
    if (to === undefined) return logger.warn('nobody waits for an answer any more', { messageId: id })
    const destination = { to, ...(mention === undefined ? {} : { mention }), ...(via === undefined ? {} : { via }) }
    await outbox.accept({
      id: `${id}#${part}`,
      lane: addressKey(to),
      text,
      acceptedAt: this.#clock.now(),
      ...destination,
    })
  }

  #settled(entry: SpoolEntry, error: WgrokError | undefined): void {
    if (entry.job !== undefined) return
    this.#counts[error === undefined ? 'sent' : 'dead']++
    if (error === undefined) this.#metrics?.relayed(this.#clock.now() - entry.acceptedAt)
  }

  /** Somebody known by an e-mail address only can be reached where the platform knows people by it. */
  #callerAddress(from: string): Address | undefined {
    if (!/^[^@\s]+@[^@\s]+$/.test(from)) return undefined
    const platform = EMAIL_PLATFORMS.find(candidate => this.#pool.platforms.has(candidate))
    return platform === undefined ? undefined : { platform, kind: 'email', id: from }
  }

  async #listen(logger: Logger): Promise<void> {
    const { bridgePort = LIMITS.bridgePort, webhookHost = '127.0.0.1', webhookPort, webhookSecret } = this.#config
    const bridge = this.#bridge
    this.#hooks = await openHooks(this.#config, {
      clock: this.#clock,
      random: this.#options.random ?? Math.random,
      logger,
      hear: (name, message) => this.#hear(name, message),
    })
    if (bridge === undefined && webhookPort === undefined && this.#hooks === undefined) return
    const [{ openHttp }, { openMetrics }] = await Promise.all([import('./http.js'), import('./metrics.js')])
    this.#metrics = await openMetrics(() => this.status())
    const post = (posted: Parameters<typeof postFrame>[0]) =>
      postFrame(posted, this.#waiters, arrival => this.#take(arrival))
    this.#http = await openHttp({
      host: webhookHost,
      port: webhookPort ?? bridgePort,
      logger,
      clock: this.#clock,
      metrics: this.#metrics,
      readiness: async () => readinessOf(await this.status()),
      ...(webhookPort === undefined || webhookSecret === undefined ? {} : { webhook: { secret: webhookSecret, post } }),
      ...(this.#hooks === undefined ? {} : { hooks: this.#hooks.endpoints }),
      ...(bridge === undefined
        ? {}
        : { upgrade: (request, socket, head) => bridge.handleUpgrade(request, socket, head) }),
    })
    await this.#hooks?.register()
  }

  #url(scheme: 'ws' | 'http'): string | undefined {
    if (this.#http === undefined) return undefined
    const host = this.#config.webhookHost ?? '127.0.0.1'
    return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${this.#http.port}`
  }

  #mustRun(): Running {
    if (this.#closing !== undefined) throw new WgrokError('closed', 'the router is closing')
    return this.#mustHave()
  }

  #mustHave(): Running {
    if (this.#running === undefined) throw new WgrokError('closed', 'the router does not run')
    return this.#running
  }
}

/** Platforms that find a person by his e-mail address, the surest first. */
const EMAIL_PLATFORMS: readonly Platform[] = ['webex', 'slack']

const DONE = Promise.resolve()

function nothing(): void {}

function unlessAgain(outcome: Outcome): Outcome {
  if (outcome.status === 'refused' && outcome.again) throw outcome.error
  return outcome
}

const NOTHING: SpoolStats = { messages: 0, bytes: 0, lanes: 0, dead: 0, dropped: 0, refusing: undefined }

function laneOf(address: string | Address): string {
  return addressKey(typeof address === 'string' ? parseAddress(address) : address)
}

function openRouterLogger(config: BotConfig): Promise<Logger> {
  const lists = [config.webexTokens, config.slackTokens, config.slackAppTokens, config.discordTokens, config.ircTokens]
  const bridge = (config.bridgeTokens ?? []).map(entry => entry.slice(entry.indexOf(':') + 1))
  const { natsUrl, proxy, slackSigningSecret, webexWebhookSecret, webhookSecret } = config
  const single = [webhookSecret, webexWebhookSecret, slackSigningSecret, natsUrl, proxy]
  const secrets = [...lists.flatMap(list => list ?? []), ...bridge, ...single].filter(secret => secret !== undefined)
  return openLogger({ debug: config.debug === true, module: 'router', secrets })
}
