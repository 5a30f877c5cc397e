import net, { type AddressInfo } from 'node:net'
import { EmulatedIrcClient } from './client.js'
import { fold, relayed } from './lines.js'

/** How the emulated server behaves. Every field may be changed while it runs. */
export interface IrcBehaviour {
  /** Capabilities it offers, with their values. */
  caps: Map<string, string>
  /** Capabilities it offers and then refuses: a request that names one of them is refused as a whole. */
  nak: Set<string>
  /** Splits the answer to CAP LS into lines of so many capabilities. */
  capsPerLine: number
  /** `false`: CAP is an unknown command; `silent`: there is no answer at all. */
  cap: boolean | 'silent'
  /** SASL accounts and their passwords. */
  accounts: Map<string, string>
  /** What SASL ends with instead, say 904 or 906. */
  saslNumeric: string | undefined
  /** Needed as PASS in front of NICK. */
  password: string | undefined
  /** Sends PING in the middle of registration, and waits for the PONG. */
  pingDuringRegistration: boolean
  /** Longest nick; longer ones are cut, or refused with 432 where {@link refuseLongNicks} is set. */
  nickLength: number
  refuseLongNicks: boolean
  /** Host that clients seem to come from. */
  host: string
  /** Lines at once, and lines per second after that; more end with "Excess Flood". */
  flood: { readonly burst: number; readonly perSecond: number } | undefined
  /** Reads and never answers. */
  mute: boolean
  /** Answers JOIN of a channel with this numeric instead. */
  joinNumerics: Map<string, string>
  /** Forwards a channel to another one, with 470. */
  forwards: Map<string, string>
  /** Answers PRIVMSG to a target with this numeric instead. */
  messageNumerics: Map<string, string>
  /** How long the nick of a connection that was cut stays in use, in ms. */
  ghostMs: number
  /** Largest line that is relayed, CR LF included. */
  lineMax: number
  isupport: string[]
}

/** A channel and who is in it. */
interface Channel {
  readonly name: string
  readonly members: Set<EmulatedIrcClient>
}

/** Starts an IRC server on loopback, for what real ones do not do on demand. */
export async function startIrcEmulator(behaviour: Partial<IrcBehaviour> = {}): Promise<IrcEmulator> {
  const emulator = new IrcEmulator(behaviour)
  await emulator.start()
  return emulator
}

/** One emulated server; {@link behaviour} sets how it misbehaves. */
export class IrcEmulator {
  readonly behaviour: IrcBehaviour
  /** Every line that came, with the nick it came from (`*` before there is one). */
  readonly received: { readonly nick: string; readonly line: string }[] = []
  /** Messages that were passed on, in order. */
  readonly messages: { readonly from: string; readonly target: string; readonly text: string }[] = []
  readonly #server: net.Server
  readonly #clients = new Set<EmulatedIrcClient>()
  readonly #channels = new Map<string, Channel>()
  readonly #ghosts = new Map<string, NodeJS.Timeout>()
  #ids = 0

  constructor(behaviour: Partial<IrcBehaviour>) {
    this.behaviour = {
      caps: new Map([
        ['message-tags', ''],
        ['server-time', ''],
        ['account-tag', ''],
        ['echo-message', ''],
        ['labeled-response', ''],
        ['batch', ''],
        ['chghost', ''],
        ['userhost-in-names', ''],
        ['sasl', 'PLAIN,EXTERNAL'],
      ]),
      nak: new Set(),
      capsPerLine: 100,
      cap: true,
      accounts: new Map(),
      saslNumeric: undefined,
      password: undefined,
      pingDuringRegistration: false,
      nickLength: 30,
      refuseLongNicks: false,
      host: 'emulated.example',
      flood: undefined,
      mute: false,
      joinNumerics: new Map(),
      forwards: new Map(),
      messageNumerics: new Map(),
      ghostMs: 0,
      lineMax: 512,
      isupport: ['NETWORK=EmuNet', 'CASEMAPPING=rfc1459', 'CHANTYPES=#&', 'STATUSMSG=@+', 'PREFIX=(ov)@+', 'BOT=B'],
      ...behaviour,
    }
    this.#server = net.createServer(socket => {
      const client = new EmulatedIrcClient(this, socket)
      this.#clients.add(client)
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Nicks that are registered. */
  get nicks(): readonly string[] {
    return [...this.#clients].filter(client => client.registered).map(({ nick }) => nick)
  }

  /** Sockets that are open. */
  get connections(): number {
    return this.#clients.size
  }

  async start(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
  }

  /** The client with this nick. @throws Error when there is none. */
  client(nick: string): EmulatedIrcClient {
    const found = [...this.#clients].find(client => client.registered && fold(client.nick) === fold(nick))
    if (found === undefined) throw new Error(`nobody is called ${nick}`)
    return found
  }

  /** Lines that one nick sent. */
  linesOf(nick: string): readonly string[] {
    return this.received.filter(entry => entry.nick === nick).map(({ line }) => line)
  }

  /** Says something as somebody who is not there. `account` becomes the tag. */
  say(mask: string, target: string, text: string, tags: Readonly<Record<string, string>> = {}): void {
    for (const client of this.#hearers(target)) client.relay(relayed(mask, target, text, this.behaviour.lineMax), tags)
  }

  /** Throws somebody out of a channel. */
  kick(channel: string, nick: string): void {
    const client = this.client(nick)
    this.toChannel(channel, `:op!op@irc.emulated KICK ${channel} ${nick} :out`)
    this.#channels.get(fold(channel))?.members.delete(client)
  }

  /** Gives somebody another user and host: CHGHOST where it is known, else 396. */
  rehost(nick: string, user: string, host: string): void {
    const client = this.client(nick)
    const before = client.mask
    client.user = user
    client.host = host
    if (client.caps.has('chghost')) client.write(`:${before} CHGHOST ${user} ${host}`)
    else client.write(`:irc.emulated 396 ${client.nick} ${user}@${host} :is now your displayed host`)
  }

  /** Cuts the connection without a word; its nick stays in use for `ghostMs`. */
  cut(nick: string): void {
    this.client(nick).cut()
  }

  /** Everybody on the other side of a split quits, and comes back. */
  netsplit(masks: readonly string[], channel: string): void {
    for (const mask of masks) this.toChannel(channel, `:${mask} QUIT :hub.emulated leaf.emulated`)
    for (const mask of masks) this.toChannel(channel, `:${mask} JOIN ${channel}`)
  }

  async close(): Promise<void> {
    for (const timer of this.#ghosts.values()) clearTimeout(timer)
    this.#ghosts.clear()
    for (const client of this.#clients) client.destroy()
    await new Promise<void>(resolve => this.#server.close(() => resolve()))
  }

  /** @internal */
  inUse(nick: string, except: EmulatedIrcClient): boolean {
    if (this.#ghosts.has(fold(nick))) return true
    return [...this.#clients].some(client => client !== except && fold(client.nick) === fold(nick))
  }

  /** @internal Frees the nick of a ghost; returns whether there was one. */
  exorcise(nick: string): boolean {
    clearTimeout(this.#ghosts.get(fold(nick)))
    return this.#ghosts.delete(fold(nick))
  }

  /** @internal */
  gone(client: EmulatedIrcClient, why: string, ghost: boolean): void {
    if (!this.#clients.delete(client)) return
    if (ghost && client.registered && this.behaviour.ghostMs > 0) {
      const key = fold(client.nick)
      this.#ghosts.set(
        key,
        setTimeout(() => this.#ghosts.delete(key), this.behaviour.ghostMs),
      )
    }
    for (const { name, members } of this.#channels.values()) {
      if (members.delete(client)) this.toChannel(name, `:${client.mask} QUIT :${why}`)
    }
  }

  /** @internal */
  join(client: EmulatedIrcClient, name: string): void {
    const numeric = this.behaviour.joinNumerics.get(name)
    if (numeric !== undefined) {
      client.numeric(numeric, `${name} :Cannot join channel`)
      return
    }
    const forward = this.behaviour.forwards.get(name)
    if (forward !== undefined) {
      client.numeric('470', `${name} ${forward} :Forwarding to another channel`)
      this.join(client, forward)
      return
    }
    const channel = this.#channels.get(fold(name)) ?? { name, members: new Set() }
    this.#channels.set(fold(name), channel)
    if (channel.members.has(client)) return
    channel.members.add(client)
    this.toChannel(name, `:${client.mask} JOIN ${name}`)
    const names = [...channel.members].map(one => (client.caps.has('userhost-in-names') ? one.mask : one.nick))
    client.numeric('353', `= ${name} :${names.join(' ')}`)
    client.numeric('366', `${name} :End of /NAMES list`)
  }

  /** @internal */
  part(client: EmulatedIrcClient, name: string): void {
    this.toChannel(name, `:${client.mask} PART ${name}`)
    this.#channels.get(fold(name))?.members.delete(client)
  }

  /** @internal */
  renamed(client: EmulatedIrcClient, line: string): void {
    client.write(line)
    const seen = new Set([client])
    for (const { members } of this.#channels.values()) {
      if (!members.has(client)) continue
      for (const one of members) {
        if (!seen.has(one)) one.write(line)
        seen.add(one)
      }
    }
  }

  /** @internal PRIVMSG or NOTICE of a client. */
  message(client: EmulatedIrcClient, command: string, target: string, text: string, label: string | undefined): void {
    const tags = label === undefined ? {} : { label }
    const planned = this.behaviour.messageNumerics.get(target)
    if (planned !== undefined) {
      client.numeric(planned, `${target} :Cannot send`, tags)
      return
    }
    const channel = this.#channels.get(fold(target))
    const numeric = /^[#&]/.test(target)
      ? channel === undefined || !channel.members.has(client)
        ? '404'
        : undefined
      : this.#hearers(target).length === 0
        ? '401'
        : undefined
    if (numeric !== undefined) {
      client.numeric(numeric, `${target} :Cannot send`, tags)
      return
    }
    this.messages.push({ from: client.nick, target, text })
    const line = relayed(client.mask, target, text, this.behaviour.lineMax, command)
    const common = {
      msgid: `m${this.#ids++}`,
      ...(client.account === undefined ? {} : { account: client.account }),
    }
    for (const one of this.#hearers(target)) if (one !== client) one.relay(line, common)
    if (client.caps.has('echo-message')) client.relay(line, { ...common, ...tags })
    else if (label !== undefined) client.relay(Buffer.from(':irc.emulated ACK'), tags)
  }

  toChannel(name: string, line: string): void {
    for (const client of this.#channels.get(fold(name))?.members ?? []) client.write(line)
  }

  #hearers(target: string): readonly EmulatedIrcClient[] {
    const name = /^[@+][#&]/.test(target) ? target.slice(1) : target
    const channel = this.#channels.get(fold(name))
    if (channel !== undefined) return [...channel.members]
    return [...this.#clients].filter(client => client.registered && fold(client.nick) === fold(target))
  }
}
