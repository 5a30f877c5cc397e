import type net from 'node:net'
import type { Clock, Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Dial } from '../dial.js'
import { farewell } from './failures.js'
import { type FrameworkClient, type IrcLine, loadFramework, transportOver } from './framework.js'
import { NickPolicy } from './nick.js'
import type { IrcSettings } from './settings.js'

/** How long the parts of a connection may take. */
export interface LinkTimes {
  /** Between our pings, 30 to 60 s on public networks. Default 45,000 ms. */
  readonly pingInterval?: number
  /** Silence of the server after which the connection counts as stale. Default 75,000 ms. */
  readonly staleAfter?: number
  /** Silence of the server after which the connection is given up. Default 120,000 ms. */
  readonly deadAfter?: number
  /** From the connection to the end of the greeting; servers look up names and ident meanwhile. Default 60,000 ms. */
  readonly registerTimeout?: number
  /** For an answer to CAP LS, which old servers never give. Default 5,000 ms. */
  readonly capTimeout?: number
}

/** Options of {@link openLink}. */
export interface LinkOptions extends LinkTimes {
  readonly settings: IrcSettings
  /** SASL EXTERNAL: the client certificate says who we are. */
  readonly external: boolean
  readonly dial: Dial
  readonly clock: Clock
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Every line of a registered connection. */
  readonly line: (line: IrcLine, link: Link) => void
  /** Whether the server is silent for too long; told at each change. */
  readonly stale: (stale: boolean, link: Link) => void
}

/** Longest wait for the server to close after QUIT, in ms. */
const QUIT_TIMEOUT = 1_000
/** What irc-framework may handle; for the rest we have a policy of our own. */
const FOR_FRAMEWORK: ReadonlySet<string> = new Set([
  ...['CAP', 'AUTHENTICATE', '001', '005', '900', '902', '903', '904', '905', '906', '907'],
])
const USER = 'wgrok'

/**
 * Opens one connection and resolves when the server has greeted us: registered, ISUPPORT known, no channel joined yet.
 *
 * @throws WgrokError `dependency-missing`; as {@link Dial} does; `auth-failed` for a wrong password, certificate or SASL
 * account; `forbidden` when banned; `config-invalid` for a nick that the server refuses; `timeout`;
 * `platform-unavailable`.
 */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { dial, settings, signal } = options
  const client = new (loadFramework().Client)()
  const socket = await dial({ host: settings.host, port: settings.port, secure: settings.secure }, signal).catch(
    error => {
      throw certificateProblem(error) ?? error
    },
  )
  const link = new Link(options, socket, client)
  await link.register()
  return link
}

/** One connection to a server, from the open socket to its end. */
export class Link {
  /** Resolves with the reason when the connection is gone. */
  readonly ended: Promise<WgrokError>
  readonly policy: NickPolicy
  readonly #options: LinkOptions
  readonly #socket: net.Socket
  readonly #client: FrameworkClient
  readonly #timers = new Set<Timer>()
  #resolveEnded!: (error: WgrokError) => void
  #over: WgrokError | undefined
  #registered = false
  #greet: { readonly resolve: () => void; readonly reject: (error: WgrokError) => void } | undefined
  #introduced = false
  #quitting = false
  #nick = ''
  #account: string | undefined
  #lastFrameAt: number
  #lastPingAt: number
  #stale = false
  #rtt: number | undefined
  #invalid = 0

  constructor(options: LinkOptions, socket: net.Socket, client: FrameworkClient) {
    this.#options = options
    this.#socket = socket
    this.#lastFrameAt = this.#lastPingAt = options.clock.now()
    this.policy = new NickPolicy(options.settings.nick)
    this.ended = new Promise(resolve => {
      this.#resolveEnded = resolve
    })
    this.#client = client
  }

  /** Our nick, as the server says it. */
  get nick(): string {
    return this.#nick
  }

  /** The services account that SASL has logged us into. */
  get account(): string | undefined {
    return this.#account
  }

  get alive(): boolean {
    return this.#over === undefined
  }

  /** When the last line came, in ms since 1970. */
  get lastFrameAt(): number {
    return this.#lastFrameAt
  }

  /** How long the server takes to answer, in ms; undefined before the first PONG. */
  get rtt(): number | undefined {
    return this.#rtt
  }

  /** What the network calls itself, else the server's name as configured. */
  get network(): string {
    const name = this.isupport('NETWORK')
    return (name === undefined || name === '' ? this.#options.settings.host : name).replace(/\s+/g, '-')
  }

  /** Whether the capability is on. */
  has(capability: string): boolean {
    return this.#client.network.cap.isEnabled(capability)
  }

  /** Value of an ISUPPORT token; an empty text for one without a value. */
  isupport(name: string): string | undefined {
    const value = this.#client.network.options[name]
    return value === true ? '' : typeof value === 'string' ? value : undefined
  }

  isChannel(name: string): boolean {
    return this.#client.network.isChannelName(name)
  }

  /** The name without the prefix of a message to a part of a channel, such as `@#channel`. */
  bareTarget(target: string): string {
    return this.#client.network.extractTargetGroup(target)?.target ?? target
  }

  /** Two names are the same when this is, by the server's CASEMAPPING. */
  fold(name: string): string {
    return this.#client.caseLower(name)
  }

  isOwn(nick: string): boolean {
    return this.fold(nick) === this.fold(this.#nick)
  }

  /** Writes a line past the flood queue. Nothing happens once the connection is gone. */
  write(line: string): void {
    if (this.alive) this.#client.connection.write(line)
  }

  /** Calls `fn` after `ms`, unless the connection is gone by then. */
  after(ms: number, fn: () => void): Timer {
    const timer = this.#options.clock.setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, ms)
    this.#timers.add(timer)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.cancel()
      },
    }
  }

  /** Ends the connection for a reason of ours. */
  terminate(error: WgrokError): void {
    this.#end(error)
  }

  /** Says goodbye, and waits a moment for the server to close. */
  async quit(): Promise<void> {
    if (!this.alive || this.#quitting) return
    this.#quitting = true
    this.write('QUIT :closed')
    await new Promise<void>(resolve => {
      const timer = this.#options.clock.setTimeout(resolve, QUIT_TIMEOUT)
      this.ended.then(() => {
        timer.cancel()
        resolve()
      })
      // The server reads all that is before the end, and closes.
      this.#socket.end()
    })
    this.#end(new WgrokError('closed', 'the connection was closed'))
  }

  /** Called once, by {@link openLink}. */
  register(): Promise<void> {
    const { settings, external, signal } = this.#options
    const client = this.#client
    const abort = (): void => this.#end(WgrokError.from(signal.reason, 'aborted'))
    const limit = this.after(this.#options.registerTimeout ?? 60_000, () =>
      this.#end(new WgrokError('timeout', 'the IRC server did not finish its greeting')),
    )
    const greeted = new Promise<void>((resolve, reject) => {
      this.#greet = { resolve, reject }
    }).finally(() => {
      this.#greet = undefined
      limit.cancel()
      signal.removeEventListener('abort', abort)
    })
    signal.addEventListener('abort', abort, { once: true })
    client.raw_middleware.use((command, line, _raw, _client, next) => this.#screen(command, line, next))
    client.connection.on('message', line => this.#heard(line))
    client.on('sasl failed', ({ reason }) => this.#saslFailed(reason))
    client.on('socket close', () => this.#end(new WgrokError('connection-lost', 'the IRC connection was lost')))
    client.requestCap(['labeled-response'])
    client.registerToNetwork = () => {
      this.write('CAP LS 302')
      this.after(this.#options.capTimeout ?? 5_000, () => this.#introduce())
    }
    client.connect({
      transport: transportOver(this.#socket),
      host: settings.host,
      nick: settings.nick,
      username: USER,
      gecos: USER,
      // A `password` would be sent as PASS, whether SASL is offered or not.
      ...(settings.password === undefined ? {} : { account: { account: settings.nick, password: settings.password } }),
      ...(external ? { sasl_mechanism: 'EXTERNAL' } : {}),
      enable_echomessage: true,
      enable_chghost: true,
      auto_reconnect: false,
      ping_interval: 0,
      ping_timeout: 0,
      version: '',
    })
    return greeted
  }

  /** Lets irc-framework see what it is to handle, and does itself what it does not do well. */
  #screen(command: string, line: IrcLine, next: () => void): void {
    if (command === 'PING') this.write(`PONG :${line.params.at(-1) ?? ''}`)
    if (command === 'CAP' && line.params[1] === 'NAK') {
      if (this.#retryCaps((line.params.at(-1) ?? '').trim().split(/ +/))) return
    }
    if (!FOR_FRAMEWORK.has(command)) return
    try {
      next()
    } catch {
      // A line that irc-framework stumbles over must not end the process.
      this.#invalid++
      this.#options.logger.warn('an IRC line makes no sense', { command, count: this.#invalid })
    }
  }

  /**
   * A server that refuses one capability refuses the whole line, so they are asked for one by one; `sasl` last, because
   * irc-framework authenticates again at every ACK after it.
   */
  #retryCaps(refused: readonly string[]): boolean {
    const { requested } = this.#client.network.cap
    if (refused.length < 2) return false
    const ordered = [...requested.filter(name => name !== 'sasl'), ...requested.filter(name => name === 'sasl')]
    for (const name of ordered) this.write(`CAP REQ :${name}`)
    return true
  }

  #heard(line: IrcLine): void {
    if (!this.alive) return
    this.#lastFrameAt = this.#options.clock.now()
    if (this.#stale) this.#setStale(false)
    const { command, params } = line
    if (command === 'ERROR') this.#end(farewell(params.at(-1) ?? ''))
    if (command === 'NICK' && this.isOwn(line.nick)) this.#nick = params[0] ?? this.#nick
    if (command === '900') this.#account = params[2]
    if (command === 'PONG') this.#ponged(params.at(-1) ?? '')
    if (this.#greet !== undefined) this.#greeting(line)
    if (this.#registered && this.alive) this.#options.line(line, this)
  }

  #greeting({ command, params }: IrcLine): void {
    if (command === 'CAP' ? params[1] === 'LS' && params[2] !== '*' : command === '421' || command === '451') {
      // The latter two: the server knows no CAP.
      this.#introduce()
    } else if (command === '001') {
      // Servers shorten nicks.
      this.#nick = params[0] ?? this.policy.current
    } else if (command === '376' || command === '422') {
      this.#greeted()
    } else if (command === '432') {
      this.#rename(this.policy.refused(), new WgrokError('config-invalid', 'the server refuses the nick (432)'))
    } else if (command === '433' || command === '436' || command === '437') {
      const error = new WgrokError('platform-unavailable', `the nick and its variants are in use (${command})`)
      this.#rename(this.policy.taken(), error)
    } else if (command === '464') {
      this.#end(new WgrokError('auth-failed', 'the server refused the password (464)'))
    } else if (command === '465') {
      this.#end(new WgrokError('forbidden', 'the server has banned us (465)'))
    } else if (command === '906') {
      this.#saslFailed('aborted')
    }
  }

  #rename(nick: string | undefined, error: WgrokError): void {
    if (this.#nick !== '') return
    if (nick === undefined) this.#end(error)
    else this.write(`NICK ${nick}`)
  }

  /** PASS where SASL will not do, then who we are. PASS after NICK would come too late. */
  #introduce(): void {
    if (this.#introduced) return
    this.#introduced = true
    const { settings, external } = this.#options
    if (external && !this.#offers('EXTERNAL')) {
      this.#saslFailed('the server does not offer EXTERNAL')
      return
    }
    if (settings.password !== undefined && !external && !this.#offers('PLAIN')) {
      const plain = !/^:|\s/.test(settings.password)
      this.write(`PASS ${plain ? '' : ':'}${settings.password}`)
    }
    this.write(`NICK ${this.policy.current}`)
    this.write(`USER ${USER} 0 * :${USER}`)
  }

  #offers(mechanism: string): boolean {
    const offered = this.#client.network.cap.available.get('sasl')
    return offered !== undefined && (offered === '' || offered.toUpperCase().split(',').includes(mechanism))
  }

  #saslFailed(reason: string): void {
    // Then the password went out as PASS.
    if (reason === 'capability_missing' || (reason === 'unsupported_mechanism' && !this.#options.external)) return
    this.#end(new WgrokError('auth-failed', `the server refused SASL: ${reason.replaceAll('_', ' ')}`))
  }

  #greeted(): void {
    this.#registered = true
    const { pingInterval = 45_000 } = this.#options
    const bot = this.isupport('BOT')
    if (bot !== undefined && bot !== '') this.write(`MODE ${this.#nick} +${bot}`)
    this.#ping()
    const beat = (): void => {
      this.#check(pingInterval)
      if (this.alive) this.after(pingInterval / 3, beat)
    }
    this.after(pingInterval / 3, beat)
    this.#greet?.resolve()
  }

  #check(pingInterval: number): void {
    const { clock, staleAfter = 75_000, deadAfter = 120_000 } = this.#options
    const silent = clock.now() - this.#lastFrameAt
    if (silent >= deadAfter) this.#end(new WgrokError('connection-lost', 'the IRC server went silent'))
    else if (silent >= staleAfter && !this.#stale) this.#setStale(true)
    if (clock.now() - this.#lastPingAt >= pingInterval) this.#ping()
  }

  #ping(): void {
    this.#lastPingAt = this.#options.clock.now()
    this.write(`PING :wgrok-${this.#lastPingAt}`)
  }

  #ponged(token: string): void {
    if (token === `wgrok-${this.#lastPingAt}`) this.#rtt = this.#options.clock.now() - this.#lastPingAt
  }

  #setStale(stale: boolean): void {
    this.#stale = stale
    this.#options.stale(stale, this)
  }

  #end(error: WgrokError): void {
    if (this.#over !== undefined) return
    this.#over = error
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#client.connection.end()
    this.#socket.destroy()
    this.#greet?.reject(error)
    this.#resolveEnded(error)
  }
}

/** A certificate that does not check out will not get better by trying again. */
function certificateProblem(error: unknown): WgrokError | undefined {
  const cause = error instanceof WgrokError ? error.cause : error
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  if (typeof code !== 'string' || !/CERT|LEAF_SIGNATURE|ALTNAME|ERR_TLS_/.test(code)) return undefined
  return new WgrokError('auth-failed', `the server's certificate cannot be trusted: ${code}`, { cause: error })
}
