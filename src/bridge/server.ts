import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { LIMITS } from '../../generated/limits.js'
import type { BridgeEnvelope, BridgeRegister } from '../../generated/models.js'
import { type Clock, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { type Logger, silent } from '../log.js'
import { Connection } from './connection.js'
import type { EventFields, MessageFields, ReplyFields } from './envelope.js'
import { admit, refuseUpgrade } from './gate.js'
import { defaultInspection, type Inspect } from './inspect.js'
import { BRIDGE_LIMITS, type BridgeLimits } from './limits.js'
import { Outgoing } from './outgoing.js'
import { Peer, type Settle } from './peer.js'
import { broadcast, type ConnectedPlatform, Peers } from './peers.js'
import { Receives, type ServerHandlers } from './receives.js'
import { ServerSocket } from './server-socket.js'
import { fieldsOf, type MessageHandler, type ReplyHandler } from './session.js'
import { type BridgeTokens, TokenTable } from './tokens.js'

/** Options of a {@link BridgeServer}. */
export interface BridgeServerOptions {
  /** Who may connect. Several tokens of one platform are all valid, for rotation. */
  readonly tokens: BridgeTokens
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string
  /** Port to listen on; 0 picks a free one. Default 8787. */
  readonly port?: number
  readonly logger?: Logger
  readonly clock?: Clock
  /** Sees everything that adapters send before any handler. Default: refuses control characters; see {@link openInspection}. */
  readonly inspect?: Inspect
  readonly limits?: Partial<BridgeLimits>
}

/** Options of one send. */
export interface ServerSendOptions {
  /** Id of the envelope for adapters that can resume: the same id for the same content. Default: a new one. */
  readonly id?: string
  /** A program reads the content: what an adapter cannot show is left out instead of being written into it. Default false. */
  readonly verbatim?: boolean
  /**
   * `acked`: an adapter that can resume must have handled it; for another the system must have it. Default `handed`: its
   * stream or its socket has it.
   */
  readonly settle?: Settle
}

/** Where a server listens. */
export interface BridgeAddress {
  readonly host: string
  readonly port: number
  /** `ws://host:port`, without path and token. */
  readonly url: string
}

/**
 * Lets adapters written in any language join over WebSocket.
 *
 * It listens by itself ({@link listen}) or inside an HTTP server that is already there ({@link handleUpgrade}).
 */
export class BridgeServer {
  readonly #options: BridgeServerOptions
  readonly #limits: BridgeLimits
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #handlers: ServerHandlers = {}
  readonly #receives: Receives
  readonly #peers: Peers
  readonly #connections = new Set<Connection>()
  readonly #sockets: WebSocketServer
  #tokens: TokenTable
  #http: Server | undefined
  #address: BridgeAddress | undefined
  #closed = false
  #warnedAboutQuery = false

  /** @throws WgrokError `config-invalid` for malformed tokens. */
  constructor(options: BridgeServerOptions) {
    this.#options = options
    this.#limits = { ...BRIDGE_LIMITS, ...options.limits }
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
    this.#tokens = new TokenTable(options.tokens)
    this.#peers = new Peers({ limits: this.#limits, clock: this.#clock, logger: this.#logger })
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#limits.payload,
      WebSocket: ServerSocket,
      ...{ closeTimeout: this.#limits.closeTimeout },
    })
    this.#receives = new Receives({
      handlers: this.#handlers,
      inspect: options.inspect ?? defaultInspection,
      logger: this.#logger,
      tokens: () => this.#tokens,
      registered: (register, connection) => this.#register(register, connection),
    })
  }

  /** Called for each `message`; what it returns is sent as `reply`. One handler: the last one set. */
  onMessage(handler: MessageHandler): this {
    this.#handlers.message = handler
    return this
  }

  /** Called for each `reply` of an adapter. */
  onReply(handler: ReplyHandler): this {
    this.#handlers.reply = handler
    return this
  }

  /** Called for each `event` of an adapter. */
  onEvent(handler: NonNullable<ServerHandlers['event']>): this {
    this.#handlers.event = handler
    return this
  }

  /** Called for each `error` that an adapter reports. */
  onError(handler: NonNullable<ServerHandlers['error']>): this {
    this.#handlers.error = handler
    return this
  }

  /**
   * Sends a `message` to all connections of a platform; resolves when the first has taken it.
   *
   * @throws WgrokError `platform-unavailable` when none is connected, `target-not-found` when the platform has no token,
   * `slow-consumer`, `connection-lost`, `body-too-large`, `closed`.
   */
  async send(platform: string, message: string | MessageFields, options: ServerSendOptions = {}): Promise<void> {
    await this.hand(platform, { type: 'message', ...fieldsOf(message) }, options)
  }

  /** Sends a `reply` to the connections that used its session key, or to all when none did. @throws as {@link send}. */
  async reply(platform: string, reply: string | ReplyFields, options: ServerSendOptions = {}): Promise<void> {
    await this.hand(platform, { type: 'reply', ...fieldsOf(reply) }, options)
  }

  /** Sends an `event` to the connections that used its session key, or to all when none did. @throws as {@link send}. */
  async event(platform: string, name: string, fields: EventFields = {}): Promise<void> {
    await this.hand(platform, { type: 'event', event: name, ...fields }, {})
  }

  /** @internal Sends any envelope; undefined when that is done at once. @throws as {@link send}, at once or later. */
  hand(platform: string, envelope: BridgeEnvelope, options: ServerSendOptions): Promise<void> | undefined {
    if (this.#closed) throw new WgrokError('closed', 'the bridge was closed')
    if (this.#peers.of(platform).size === 0) {
      if (!this.#tokens.platforms().includes(platform)) {
        throw new WgrokError('target-not-found', 'the bridge knows no such platform')
      }
      throw new WgrokError('platform-unavailable', `no adapter of ${platform} is connected`)
    }
    const key = envelope.type === 'reply' || envelope.type === 'event' ? envelope.session_key : undefined
    return broadcast(this.#peers.inSession(platform, key), new Outgoing(envelope, options), options.settle)
  }

  /** Who is connected. */
  platforms(): readonly ConnectedPlatform[] {
    return this.#peers.list()
  }

  /** Replaces all tokens. Connections whose token is gone are closed with `auth-failed`. @throws WgrokError `config-invalid`. */
  setTokens(tokens: BridgeTokens): void {
    this.#tokens = new TokenTable(tokens)
    for (const connection of this.#connections) {
      if (!this.#tokens.holds(connection.platform, connection.proof)) connection.refuse('auth-failed', 'token')
    }
    this.#peers.expel(this.#tokens)
  }

  /**
   * Destroys sockets as a broken network would: all, or those whose peer has an id that `which` picks. For drills:
   * adapters come back by themselves.
   *
   * @returns how many.
   */
  dropConnections(which: (connection: string) => boolean = () => true): number {
    const dropped = [...this.#connections].filter(({ peer }) => peer !== undefined && which(peer.id))
    for (const connection of dropped) connection.terminate()
    return dropped.length
  }

  /** Where {@link listen} listens; undefined before and after. */
  get address(): BridgeAddress | undefined {
    return this.#address
  }

  /** Listens on its own port. @throws WgrokError `config-invalid` when the port cannot be had, `closed`. */
  listen(): Promise<BridgeAddress> {
    if (this.#closed) return Promise.reject(new WgrokError('closed', 'the bridge was closed'))
    const { host = '127.0.0.1', port = LIMITS.bridgePort } = this.#options
    const http = createServer((_request, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
    })
    this.#http = http
    http.on('upgrade', (request, socket, head) => {
      if (!this.handleUpgrade(request, socket, head)) refuseUpgrade(socket, 'target-not-found')
    })
    return new Promise((resolve, reject) => {
      http.once('error', error => {
        reject(new WgrokError('config-invalid', `the bridge cannot listen on ${host}:${port}`, { cause: error }))
      })
      http.listen(port, host, () => {
        this.#address = addressOf(http.address() as AddressInfo)
        this.#logger.info('bridge listens', { host: this.#address.host, port: this.#address.port })
        resolve(this.#address)
      })
    })
  }

  /**
   * Takes an `upgrade` of an HTTP server.
   *
   * @returns false when the path is not one of the bridge; the socket is untouched then.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const admission = admit(request, this.#tokens)
    if (admission.kind === 'elsewhere') return false
    if (admission.kind === 'refuse') {
      this.#logger.warn('bridge connection refused', { code: admission.code })
      refuseUpgrade(socket, admission.code)
    } else if (this.#closed || this.#connections.size >= this.#limits.connections) {
      refuseUpgrade(socket, this.#closed ? 'closed' : 'platform-unavailable')
    } else {
      if (admission.fromQuery) this.#warnAboutQuery(admission.platform)
      this.#sockets.handleUpgrade(request, socket, head, ws => {
        this.#connections.add(
          new Connection({
            socket: ws,
            wire: socket,
            platform: admission.platform,
            proof: admission.proof,
            receives: this.#receives,
            limits: this.#limits,
            clock: this.#clock,
            logger: this.#logger,
            gone: (connection, clean) => this.#gone(connection, clean),
          }),
        )
      })
    }
    return true
  }

  /** Closes every connection (1001) and stops listening. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    this.#address = undefined
    const gone = [...this.#connections].map(connection => connection.closed())
    for (const connection of this.#connections) connection.close(1001, 'closed')
    this.#peers.close()
    const http = this.#http
    this.#http = undefined
    await Promise.all([...gone, http === undefined ? undefined : new Promise(resolve => http.close(resolve))])
  }

  #register(register: BridgeRegister, connection: Connection): void {
    const { resume: offer, capabilities } = register
    const known =
      offer?.peer_epoch === undefined ? undefined : this.#peers.byEpoch(offer.peer_epoch, connection.platform)
    const resumed = offer !== undefined && known?.canResume(offer) === true
    const peer = resumed && known !== undefined ? known : this.#newPeer(connection.platform)
    connection.admit(peer)
    peer.attach(connection, capabilities, offer)
    this.#peers.add(peer)
    this.#logger.info('bridge peer registered', { platform: peer.platform, connection: peer.id, resumed })
  }

  #newPeer(platform: string): Peer {
    return new Peer({ platform, limits: this.#limits, clock: this.#clock, logger: this.#logger })
  }

  #gone(connection: Connection, clean: boolean): void {
    this.#connections.delete(connection)
    const peer = connection.peer
    const left = peer?.detach(connection)
    if (peer === undefined || left === 'replaced' || left === undefined) return
    const valid = this.#tokens.holds(connection.platform, connection.proof)
    if (left === 'kept' && !clean && valid && !this.#closed) this.#peers.keep(peer)
    else this.#peers.remove(peer, clean)
  }

  #warnAboutQuery(platform: string): void {
    if (this.#warnedAboutQuery) return
    this.#warnedAboutQuery = true
    this.#logger.warn('a token in the query is deprecated: it ends up in logs; use the Authorization header', {
      platform,
    })
  }
}

function addressOf({ address, port, family }: AddressInfo): BridgeAddress {
  return { host: address, port, url: `ws://${family === 'IPv6' ? `[${address}]` : address}:${port}` }
}
