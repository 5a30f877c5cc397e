import { type Clock, systemClock } from '../../clock.js'
import { type EmulatedRequest, type EmulatedResponse, startEmulatorServer } from '../http-server.js'
import { GatewaySide } from './gateway.js'
import { type SignedRequest, Signer, type SignOptions } from './interactions.js'
import { RateLimiter, type Rates } from './rates.js'
import { RestSide } from './rest.js'
import {
  type EmulatedBot,
  type EmulatedChannel,
  type EmulatedMessage,
  type EmulatedUser,
  type Posting,
  World,
} from './world.js'

/** Options of {@link startDiscordEmulator}. */
export interface DiscordEmulatorOptions {
  /** Default: one bot with the token `discord-token`, the id 43 and the application 8. */
  readonly bots?: readonly EmulatedBot[]
  /** Default: as Discord's; false turns all limits off. */
  readonly rates?: Rates | false
  /** See `GatewayOptions`. */
  readonly heartbeatInterval?: number | (() => number)
  readonly maxConcurrency?: number
  readonly identifyTotal?: number
  readonly clock?: Clock
}

/** One REST request that the emulator answered. */
export interface RecordedCall {
  readonly method: string
  readonly path: string
  readonly headers: EmulatedRequest['headers']
  readonly body: unknown
  readonly status: number
  readonly at: number
}

/** What the next requests get instead of their answer. */
export interface Fault {
  /** An answer; `drop` cuts the connection before the request is carried out, `lose` after. */
  readonly answer: EmulatedResponse | 'lose'
  /** Default 1. */
  readonly times?: number
  /** Only requests whose `METHOD /path` matches. Default: those that create messages. */
  readonly on?: RegExp
}

/** Discord on loopback: REST, gateway, and the signer of interactions. */
export interface DiscordEmulator {
  /** Base URL with the version, for `WGROK_DISCORD_API_URL`. */
  readonly apiUrl: string
  /** Base URL without the version, for Discord's own clients. */
  readonly restUrl: string
  readonly gatewayUrl: string
  readonly gateway: GatewaySide
  readonly rest: RestSide
  readonly messages: readonly EmulatedMessage[]
  readonly calls: readonly RecordedCall[]
  /** Public key of the application, in hex. */
  readonly publicKey: string
  addUser(user: EmulatedUser): void
  addChannel(channel: EmulatedChannel): void
  /** The direct channel of two users. */
  directChannel(first: string, second: string): EmulatedChannel
  /** Somebody writes; every session that may hear it does. */
  post(posting: Posting): EmulatedMessage
  /** Spoils what comes next. */
  fail(fault: Fault): void
  /** Spoils nothing any more. */
  heal(): void
  /** An interaction as Discord would post it. */
  sign(body: unknown, options?: SignOptions): SignedRequest
  /** Breaks every connection, REST and gateway. */
  cut(): void
  close(): Promise<void>
}

const CREATES_MESSAGE = /^POST \/api\/v\d+\/channels\/\d+\/messages$/

/** The bot that the emulator knows unless told otherwise. */
export const DISCORD_BOT: EmulatedBot = { token: 'discord-token', id: '43', applicationId: '8', username: 'wgrok' }

/** Starts an emulator of Discord on 127.0.0.1. */
export async function startDiscordEmulator(options: DiscordEmulatorOptions = {}): Promise<DiscordEmulator> {
  const { bots = [DISCORD_BOT], clock = systemClock, rates = {} } = options
  const world = new World(bots, clock)
  const signer = new Signer(clock)
  const calls: RecordedCall[] = []
  const faults: { left: number; readonly fault: Fault }[] = []
  let gatewayUrl = ''
  const gateway = new GatewaySide({
    world,
    clock,
    resumeUrl: () => `${gatewayUrl}/resume`,
    ...(options.heartbeatInterval === undefined ? {} : { heartbeatInterval: options.heartbeatInterval }),
    ...(options.maxConcurrency === undefined ? {} : { maxConcurrency: options.maxConcurrency }),
    ...(options.identifyTotal === undefined ? {} : { identifyTotal: options.identifyTotal }),
  })
  const rest = new RestSide({
    world,
    clock,
    rates: new RateLimiter(rates === false ? { message: false, global: false } : rates, clock),
    gatewayUrl: () => gatewayUrl,
    sessionLimit: bot => gateway.sessionLimit(bot),
    verifyKey: signer.publicKey,
    published: message => gateway.publish(message),
  })

  function answer(request: EmulatedRequest): EmulatedResponse {
    const line = `${request.method} ${request.path}`
    const spoiled = faults.find(({ fault, left }) => left > 0 && (fault.on ?? CREATES_MESSAGE).test(line))
    if (spoiled !== undefined) spoiled.left--
    const fault = spoiled?.fault.answer
    if (fault !== undefined && fault !== 'lose') return fault
    const real = rest.answer(request)
    return fault === 'lose' ? 'drop' : real
  }

  const server = await startEmulatorServer({
    request: request => {
      const response = answer(request)
      calls.push({
        method: request.method,
        path: request.path,
        headers: request.headers,
        body: json(request.body),
        status: response === 'drop' ? 0 : response.status,
        at: clock.now(),
      })
      return response
    },
    upgrade: ({ path, query }) => {
      if (gateway.refuse !== undefined) return { refuse: gateway.refuse }
      if (path !== '/' && path !== '/resume' && path !== '/resume/') return { refuse: 404 }
      return { accept: socket => gateway.accept(socket, `${path}?${query}`) }
    },
  })
  gatewayUrl = server.socketUrl

  return {
    apiUrl: `${server.url}/api/v10`,
    restUrl: `${server.url}/api`,
    gatewayUrl,
    gateway,
    rest,
    messages: world.messages,
    calls,
    publicKey: signer.publicKey,
    addUser: user => void world.users.set(user.id, user),
    addChannel: channel => void world.channels.set(channel.id, channel),
    directChannel: (first, second) => world.directChannel(first, second),
    post: posting => {
      const message = world.add(posting)
      gateway.publish(message)
      return message
    },
    fail: fault => void faults.push({ left: fault.times ?? 1, fault }),
    heal: () => void faults.splice(0),
    sign: (body, signOptions) => signer.sign(body, signOptions),
    cut: () => server.dropConnections(),
    close: () => server.close(),
  }
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
