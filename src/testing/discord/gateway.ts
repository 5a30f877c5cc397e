import type { WebSocket } from 'ws'
import type { Clock } from '../../clock.js'
import { type EmulatedBot, type EmulatedMessage, GUILD, type World } from './world.js'

/** A frame that a client sent. */
export interface GatewayFrame {
  readonly op: number
  readonly d: unknown
  /** When, by the emulator's clock. */
  readonly at: number
  /** Path and query of its connection. */
  readonly url: string
}

/** How a client closed a connection, or lost it (1006). */
export interface GatewayClose {
  readonly code: number
  readonly at: number
}

/** What the gateway leaves out. */
export interface Silence {
  hello?: boolean
  acks?: boolean
  ready?: boolean
}

/** Options of a {@link GatewaySide}. */
export interface GatewayOptions {
  readonly world: World
  readonly clock: Clock
  /** Milliseconds; a function is asked for each HELLO. Default 41,250. */
  readonly heartbeatInterval?: number | (() => number)
  /** Sessions that a bot may start in five seconds. Default 16. */
  readonly maxConcurrency?: number
  /** Sessions that a bot may start a day. Default 1,000. */
  readonly identifyTotal?: number
  readonly resumeUrl: () => string
}

const GUILDS = 1 << 0
const GUILD_MESSAGES = 1 << 9
const DIRECT_MESSAGES = 1 << 12
const MESSAGE_CONTENT = 1 << 15
const INTENTS_MAX = 1 << 26
const PAYLOAD_MAX = 4096
const SENDS_MAX = 120
const SENDS_WINDOW = 60_000
/** 1001 is a restart of the server: its sessions go on elsewhere. */
const SESSION_ENDS: ReadonlySet<number> = new Set([1000, 4003, 4004, 4005, 4007, 4008, 4009])
const IDENTIFY_WINDOW = 5_000

interface Session {
  readonly id: string
  readonly bot: EmulatedBot
  readonly intents: number
  readonly log: { readonly op: 0; readonly t: string; readonly s: number; readonly d: unknown }[]
  connection: Connection | undefined
}

interface Connection {
  readonly socket: WebSocket
  readonly url: string
  readonly sends: number[]
  session: Session | undefined
  /** We closed it; the client's code is then but an echo. */
  closedHere: boolean
}

/** The gateway: sessions outlive their connections and repeat what was missed. */
export class GatewaySide {
  readonly #options: GatewayOptions
  readonly #connections = new Set<Connection>()
  readonly #sessions = new Map<string, Session>()
  readonly #identified = new Map<string, number[]>()
  readonly #used = new Map<string, number>()
  /** Everything that clients sent. */
  readonly frames: GatewayFrame[] = []
  readonly closes: GatewayClose[] = []
  /** What the next connections have to do without. */
  readonly silence: Silence = {}
  /** Status that handshakes are refused with. */
  refuse: number | undefined

  constructor(options: GatewayOptions) {
    this.#options = options
  }

  get connections(): number {
    return this.#connections.size
  }

  get sessions(): number {
    return this.#sessions.size
  }

  sessionLimit(bot: EmulatedBot): { total: number; remaining: number; reset_after: number; max_concurrency: number } {
    const { identifyTotal = 1000, maxConcurrency = 16 } = this.#options
    const remaining = Math.max(0, identifyTotal - (this.#used.get(bot.token) ?? 0))
    return { total: identifyTotal, remaining, reset_after: 14_400_000, max_concurrency: maxConcurrency }
  }

  /** A new day: the identify budget is full again. */
  renewIdentifies(): void {
    this.#used.clear()
  }

  accept(socket: WebSocket, url: string): void {
    const connection: Connection = { socket, url, sends: [], session: undefined, closedHere: false }
    this.#connections.add(connection)
    socket.on('message', (data: Buffer) => this.#read(connection, data))
    socket.on('error', () => {})
    socket.on('close', code => this.#closed(connection, code))
    const version = new URL(url, 'ws://x').searchParams.get('v')
    if (version !== '10' && version !== '9') {
      socket.close(4012, 'Invalid API version.')
      return
    }
    if (this.silence.hello === true) return
    const { heartbeatInterval = 41_250 } = this.#options
    const interval = typeof heartbeatInterval === 'number' ? heartbeatInterval : heartbeatInterval()
    send(connection, { op: 10, s: null, t: null, d: { heartbeat_interval: interval } })
  }

  /** Tells every session that may hear of a message. */
  publish(message: EmulatedMessage): void {
    for (const session of this.#sessions.values()) {
      const data = this.#visible(session, message)
      if (data !== undefined) this.#dispatch(session, 'MESSAGE_CREATE', data)
    }
  }

  /** Sends any dispatch to every session. */
  dispatch(t: string, d: unknown): void {
    for (const session of this.#sessions.values()) this.#dispatch(session, t, d)
  }

  /** Sends a text to every connection as it is. */
  sendRaw(text: string): void {
    for (const { socket } of this.#connections) socket.send(text)
  }

  /** Breaks every connection without a close frame. Sessions stay. */
  cut(): void {
    for (const connection of [...this.#connections]) {
      connection.socket.terminate()
      this.#forget(connection)
    }
  }

  /** Closes every connection. Codes that end a session end it here too. */
  closeAll(code: number, reason = ''): void {
    for (const connection of this.#connections) {
      const { session, socket } = connection
      connection.closedHere = true
      if (session !== undefined && SESSION_ENDS.has(code)) {
        this.#sessions.delete(session.id)
      }
      socket.close(code, reason)
    }
  }

  /** Op 7. */
  reconnect(): void {
    this.sendRaw('{"op":7,"d":null,"s":null,"t":null}')
  }

  /** Op 9. */
  invalidate(resumable: boolean): void {
    if (!resumable) this.expire()
    this.sendRaw(JSON.stringify({ op: 9, d: resumable, s: null, t: null }))
  }

  /** Op 1: asks for a heartbeat. */
  requestHeartbeat(): void {
    this.sendRaw('{"op":1,"d":null,"s":null,"t":null}')
  }

  /** Forgets every session: the next resume is refused. */
  expire(): void {
    this.#sessions.clear()
  }

  /** Frames with an opcode. */
  sent(op: number): readonly GatewayFrame[] {
    return this.frames.filter(frame => frame.op === op)
  }

  #read(connection: Connection, data: Buffer): void {
    const { clock } = this.#options
    const now = clock.now()
    while (connection.sends[0] !== undefined && connection.sends[0] + SENDS_WINDOW <= now) connection.sends.shift()
    connection.sends.push(now)
    if (connection.sends.length > SENDS_MAX) {
      this.#end(connection, 4008, 'You are being rate limited.')
      return
    }
    const frame = parse(data)
    if (frame === undefined || data.length > PAYLOAD_MAX) {
      this.#end(connection, 4002, 'Error while decoding payload.')
      return
    }
    this.frames.push({ op: frame.op, d: frame.d, at: now, url: connection.url })
    switch (frame.op) {
      case 1:
        if (this.silence.acks !== true) send(connection, { op: 11, s: null, t: null, d: null })
        return
      case 2:
        this.#identify(connection, record(frame.d))
        return
      case 6:
        this.#resume(connection, record(frame.d))
        return
      case 3:
      case 4:
      case 8:
        if (connection.session === undefined) this.#end(connection, 4003, 'Not authenticated.')
        return
      default:
        this.#end(connection, 4001, 'Unknown opcode.')
    }
  }

  #identify(connection: Connection, d: Readonly<Record<string, unknown>>): void {
    const { clock, resumeUrl, world } = this.#options
    if (connection.session !== undefined) {
      this.#end(connection, 4005, 'Already authenticated.')
      return
    }
    const bot = world.bots.get(String(d['token']).replace(/^Bot /, ''))
    if (bot === undefined) {
      this.#end(connection, 4004, 'Authentication failed.')
      return
    }
    const intents = d['intents']
    if (typeof intents !== 'number' || intents < 0 || intents >= INTENTS_MAX) {
      this.#end(connection, 4013, 'Invalid intent(s).')
      return
    }
    if ((intents & MESSAGE_CONTENT) !== 0 && bot.mayReadText === false) {
      this.#end(connection, 4014, 'Disallowed intent(s).')
      return
    }
    const [shard = 0, shards = 1] = Array.isArray(d['shard']) ? (d['shard'] as number[]) : []
    if (shard >= shards) {
      this.#end(connection, 4010, 'Invalid shard.')
      return
    }
    if (!this.#mayIdentify(bot)) {
      send(connection, { op: 9, s: null, t: null, d: false })
      return
    }
    const session: Session = { id: `session-${world.snowflake()}`, bot, intents, log: [], connection }
    connection.session = session
    this.#sessions.set(session.id, session)
    this.#used.set(bot.token, (this.#used.get(bot.token) ?? 0) + 1)
    this.#identified.get(bot.token)?.push(clock.now())
    if (this.silence.ready === true) return
    this.#dispatch(session, 'READY', {
      v: 10,
      user: {
        ...world.userObject({ id: bot.id, username: bot.username, bot: true }),
        verified: true,
        mfa_enabled: false,
      },
      guilds: [{ id: GUILD, unavailable: true }],
      session_id: session.id,
      resume_gateway_url: resumeUrl(),
      shard: [shard, shards],
      session_type: 'normal',
      private_channels: [],
      relationships: [],
      application: { id: bot.applicationId, flags: bot.mayReadText === false ? 0 : 1 << 19 },
    })
    if ((intents & GUILDS) !== 0) this.#dispatch(session, 'GUILD_CREATE', world.guildObject())
  }

  #mayIdentify(bot: EmulatedBot): boolean {
    const now = this.#options.clock.now()
    const recent = (this.#identified.get(bot.token) ?? []).filter(at => at + IDENTIFY_WINDOW > now)
    this.#identified.set(bot.token, recent)
    const limit = this.sessionLimit(bot)
    return recent.length < limit.max_concurrency && limit.remaining > 0
  }

  #resume(connection: Connection, d: Readonly<Record<string, unknown>>): void {
    const session = this.#sessions.get(String(d['session_id']))
    const token = String(d['token']).replace(/^Bot /, '')
    if (connection.session !== undefined) {
      this.#end(connection, 4005, 'Already authenticated.')
      return
    }
    if (!this.#options.world.bots.has(token)) {
      this.#end(connection, 4004, 'Authentication failed.')
      return
    }
    if (session === undefined || session.bot.token !== token) {
      send(connection, { op: 9, s: null, t: null, d: false })
      return
    }
    const seq = Number(d['seq'])
    if (seq > session.log.length) {
      this.#end(connection, 4007, 'Invalid seq.')
      return
    }
    const old = session.connection
    session.connection = connection
    connection.session = session
    if (old !== undefined) {
      old.session = undefined
      old.socket.terminate()
    }
    for (const dispatch of session.log.slice(seq)) send(connection, dispatch)
    if (this.silence.ready !== true) this.#dispatch(session, 'RESUMED', { _trace: [] })
  }

  #dispatch(session: Session, t: string, d: unknown): void {
    const dispatch = { op: 0, t, s: session.log.length + 1, d } as const
    session.log.push(dispatch)
    if (session.connection !== undefined) send(session.connection, dispatch)
  }

  /** A message as a session gets to see it; undefined when it does not. */
  #visible({ bot, intents }: Session, message: EmulatedMessage): unknown {
    const channel = this.#options.world.channels.get(message.channel_id)
    if (channel?.guildId === undefined) {
      if ((intents & DIRECT_MESSAGES) === 0 || channel?.recipients?.includes(bot.id) !== true) return undefined
      return { ...message, channel_type: 1 }
    }
    if ((intents & GUILD_MESSAGES) === 0) return undefined
    const member = { roles: [], joined_at: '2025-01-01T00:00:00.000Z', deaf: false, mute: false, flags: 0 }
    const seen = { ...message, guild_id: channel.guildId, channel_type: channel.type, member }
    const mentioned = (message['mentions'] as readonly { readonly id: string }[]).some(user => user.id === bot.id)
    if ((intents & MESSAGE_CONTENT) !== 0 || mentioned || message.author.id === bot.id) return seen
    return { ...seen, content: '', embeds: [], attachments: [], components: [] }
  }

  #end(connection: Connection, code: number, reason: string): void {
    if (connection.session !== undefined) this.#sessions.delete(connection.session.id)
    connection.socket.close(code, reason)
  }

  #closed(connection: Connection, code: number): void {
    this.closes.push({ code, at: this.#options.clock.now() })
    const { closedHere, session } = connection
    this.#forget(connection)
    if (session !== undefined && !closedHere && (code === 1000 || code === 1001)) this.#sessions.delete(session.id)
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection)
    if (connection.session?.connection === connection) connection.session.connection = undefined
  }
}

function send({ socket }: Connection, frame: unknown): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame))
}

function parse(data: Buffer): { readonly op: number; readonly d: unknown } | undefined {
  try {
    const frame: unknown = JSON.parse(data.toString('utf8'))
    const { op, d } = record(frame)
    return typeof op === 'number' ? { op, d } : undefined
  } catch {
    return undefined
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
