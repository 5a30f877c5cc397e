import type net from 'node:net'
import type { IrcEmulator } from './emulator.js'
import { readLine } from './lines.js'

/** RFC 2812 section 2.3; a longer line ends the connection on real servers. */
const LINE_MAX = 512
const TAGS_MAX = 4_096
/** SASL sends its response in pieces of this length. */
const SASL_PIECE = 400

/** One connection to the emulated server. */
export class EmulatedIrcClient {
  nick = ''
  user = ''
  host: string
  account: string | undefined
  registered = false
  readonly caps: Set<string> = new Set()
  readonly #server: IrcEmulator
  readonly #socket: net.Socket
  #rest = Buffer.alloc(0)
  #negotiating = false
  #password: string | undefined
  #pinged: 'no' | 'waiting' | 'done' = 'no'
  #sasl: { readonly mechanism: string; response: string } | undefined
  #tokens: number
  #filledAt = Date.now()

  constructor(server: IrcEmulator, socket: net.Socket) {
    this.#server = server
    this.#socket = socket
    this.host = server.behaviour.host
    this.#tokens = server.behaviour.flood?.burst ?? 0
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#read(chunk as Buffer))
    socket.on('error', () => {})
    socket.on('close', () => server.gone(this, 'Connection closed', true))
  }

  /** `nick!user@host`, as others see it. */
  get mask(): string {
    return `${this.nick}!${this.user}@${this.host}`
  }

  write(line: string): void {
    this.relay(Buffer.from(line), {})
  }

  /** Writes a line with those tags that the client knows. */
  relay(line: Buffer, tags: Readonly<Record<string, string>>): void {
    if (this.#server.behaviour.mute || this.#socket.destroyed) return
    const needs: Readonly<Record<string, string>> = {
      account: 'account-tag',
      label: 'labeled-response',
      msgid: 'message-tags',
      time: 'server-time',
    }
    const shown = Object.entries(tags).filter(([name]) => this.caps.has(needs[name] ?? 'message-tags'))
    const prefix = shown.length === 0 ? '' : `@${shown.map(([name, value]) => `${name}=${value}`).join(';')} `
    this.#socket.write(Buffer.concat([Buffer.from(prefix), line, Buffer.from('\r\n')]))
  }

  numeric(code: string, rest: string, tags: Readonly<Record<string, string>> = {}): void {
    this.relay(Buffer.from(`:irc.emulated ${code} ${this.nick === '' ? '*' : this.nick} ${rest}`), tags)
  }

  /** Ends the connection with a reason. */
  kill(reason: string): void {
    this.write(`ERROR :Closing Link: ${this.nick} (${reason})`)
    this.#server.gone(this, reason, false)
    this.#socket.end()
  }

  /** Ends the connection without a word. */
  cut(): void {
    this.#server.gone(this, 'Ping timeout', true)
    this.#socket.resetAndDestroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (let end = this.#rest.indexOf(10); end !== -1; end = this.#rest.indexOf(10)) {
      const raw = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end + 1)
      const tags = raw[0] === 64 ? raw.indexOf(32) + 1 : 0
      if (raw.length - tags + 1 > LINE_MAX || tags > TAGS_MAX) {
        this.kill('Request too long')
        return
      }
      const line = raw.toString('utf8').replace(/\r$/, '')
      this.#server.received.push({ nick: this.nick === '' ? '*' : this.nick, line })
      if (this.#floods()) {
        this.kill('Excess Flood')
        return
      }
      if (line !== '') this.#handle(line)
    }
  }

  #floods(): boolean {
    const { flood } = this.#server.behaviour
    if (flood === undefined || !this.registered) return false
    const now = Date.now()
    this.#tokens = Math.min(flood.burst, this.#tokens + ((now - this.#filledAt) / 1_000) * flood.perSecond)
    this.#filledAt = now
    this.#tokens -= 1
    return this.#tokens < 0
  }

  #handle(text: string): void {
    const { tags, command, params } = readLine(text)
    const [first = '', second = ''] = params
    switch (command) {
      case 'CAP':
        this.#cap(first.toUpperCase(), params)
        return
      case 'PASS':
        // Too late once there is a nick: that is what the order is about.
        if (this.nick === '') this.#password = first
        return
      case 'NICK':
        this.#rename(first)
        return
      case 'USER':
        this.user = `~${first}`
        this.#welcome()
        return
      case 'AUTHENTICATE':
        this.#authenticate(first)
        return
      case 'PING':
        this.write(`:irc.emulated PONG irc.emulated :${first}`)
        return
      case 'PONG':
        if (this.#pinged === 'waiting' && first === 'regis tration') {
          this.#pinged = 'done'
          this.#welcome()
        }
        return
      case 'QUIT':
        this.kill('Quit')
        return
    }
    if (!this.registered) {
      this.numeric('451', ':You have not registered')
      return
    }
    switch (command) {
      case 'JOIN':
        for (const name of first.split(',')) this.#server.join(this, name)
        return
      case 'PART':
        this.#server.part(this, first)
        return
      case 'PRIVMSG':
      case 'NOTICE':
        this.#server.message(this, command, first, params.at(-1) ?? '', tags.get('label'))
        return
      case 'NICKSERV':
        this.#services(first, second, params[2])
        return
      case 'MODE':
        return
      case 'ISON':
        this.#isOn(params)
        return
      default:
        this.numeric('421', `${command} :Unknown command`)
    }
  }

  #isOn(params: readonly string[]): void {
    const asked = params.flatMap(names => names.split(' '))
    this.numeric('303', `:${asked.filter(name => this.#server.nicks.includes(name)).join(' ')}`)
  }

  #cap(sub: string, params: readonly string[]): void {
    const { caps, nak, cap, capsPerLine } = this.#server.behaviour
    if (cap === 'silent') return
    if (!cap) {
      this.numeric('421', 'CAP :Unknown command')
      return
    }
    const who = this.nick === '' ? '*' : this.nick
    if (sub === 'LS') {
      this.#negotiating = true
      const all = [...caps].map(([name, value]) => (value === '' ? name : `${name}=${value}`))
      for (let at = 0; at === 0 || at < all.length; at += capsPerLine) {
        const more = at + capsPerLine < all.length ? '* ' : ''
        this.write(`:irc.emulated CAP ${who} LS ${more}:${all.slice(at, at + capsPerLine).join(' ')}`)
      }
    } else if (sub === 'REQ') {
      this.#negotiating ||= !this.registered
      const names = (params.at(-1) ?? '').split(' ').filter(name => name !== '')
      const refused = names.some(name => !caps.has(name) || nak.has(name))
      if (!refused) for (const name of names) this.caps.add(name)
      this.write(`:irc.emulated CAP ${who} ${refused ? 'NAK' : 'ACK'} :${names.join(' ')}`)
    } else if (sub === 'END') {
      this.#negotiating = false
      this.#welcome()
    }
  }

  #authenticate(text: string): void {
    const { saslNumeric, accounts } = this.#server.behaviour
    if (this.#sasl === undefined) {
      this.#sasl = { mechanism: text.toUpperCase(), response: '' }
      this.write('AUTHENTICATE +')
      return
    }
    if (text !== '+') this.#sasl.response += text
    if (text.length === SASL_PIECE) return
    const { mechanism, response } = this.#sasl
    this.#sasl = undefined
    if (saslNumeric !== undefined) {
      this.numeric(saslNumeric, ':SASL authentication failed')
      return
    }
    const [, account = '', password = ''] = Buffer.from(response, 'base64').toString().split('\0')
    const known = mechanism === 'EXTERNAL' ? 'certified' : accounts.get(account) === password ? account : undefined
    if (known === undefined) {
      this.numeric('904', ':SASL authentication failed')
      return
    }
    this.account = known
    this.numeric('900', `${this.nick || '*'}!~u@${this.host} ${known} :You are now logged in`)
    this.numeric('903', ':SASL authentication successful')
  }

  #rename(wanted: string): void {
    const { nickLength, refuseLongNicks } = this.#server.behaviour
    if (wanted.length > nickLength && refuseLongNicks) {
      this.numeric('432', `${wanted} :Erroneous nickname`)
      return
    }
    const nick = wanted.slice(0, nickLength)
    if (this.#server.inUse(nick, this)) {
      this.numeric('433', `${nick} :Nickname is already in use`)
      return
    }
    const before = this.mask
    this.nick = nick
    if (this.registered) this.#server.renamed(this, `:${before} NICK :${nick}`)
    else this.#welcome()
  }

  #welcome(): void {
    const { password, pingDuringRegistration, isupport } = this.#server.behaviour
    if (this.registered || this.#negotiating || this.nick === '' || this.user === '') return
    if (password !== undefined && this.#password !== password) {
      this.numeric('464', ':Password incorrect')
      this.kill('Bad password')
      return
    }
    if (pingDuringRegistration && this.#pinged !== 'done') {
      if (this.#pinged === 'no') this.write('PING :regis tration')
      this.#pinged = 'waiting'
      return
    }
    this.registered = true
    this.numeric('001', `:Welcome ${this.mask}`)
    this.numeric('005', `${isupport.join(' ')} :are supported by this server`)
    this.numeric('422', ':MOTD File is missing')
  }

  /** REGAIN and GHOST of services: whoever knows the password, or is logged in, gets rid of a ghost. */
  #services(command: string, nick: string, password: string | undefined): void {
    const { accounts } = this.#server.behaviour
    if (this.account !== nick && (password === undefined || accounts.get(nick) !== password)) {
      this.write(`:NickServ!services@services NOTICE ${this.nick} :Access denied.`)
      return
    }
    if (this.#server.exorcise(nick) && command.toUpperCase() === 'REGAIN') this.#rename(nick)
  }
}
