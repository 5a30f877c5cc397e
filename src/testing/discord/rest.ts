import type { Clock } from '../../clock.js'
import type { EmulatedRequest, EmulatedResponse } from '../http-server.js'
import type { Passage, RateLimiter } from './rates.js'
import type { EmulatedBot, EmulatedMessage, Posting, World } from './world.js'

/** What the REST side needs of the rest. */
export interface RestOptions {
  readonly world: World
  readonly rates: RateLimiter
  readonly clock: Clock
  /** `ws://…` of the gateway. */
  readonly gatewayUrl: () => string
  readonly sessionLimit: (bot: EmulatedBot) => object
  readonly verifyKey: string
  /** Tells the gateway about a message. */
  readonly published: (message: EmulatedMessage) => void
}

/** How long the same nonce means the same message, in ms. */
const NONCE_TTL = 300_000
const TEXT_MAX = 2000
const NONCE_MAX = 25
const EMBEDS_MAX = 10
const EMBED_TEXT_MAX = 6000

interface Call {
  readonly bot: EmulatedBot
  readonly params: readonly string[]
  readonly body: Readonly<Record<string, unknown>>
}

/** Answers the REST API, as far as bots that send messages use it. */
export class RestSide {
  readonly #options: RestOptions
  readonly #nonces = new Map<string, { readonly message: EmulatedMessage; readonly until: number }>()
  /** Registered commands by application. */
  readonly commands: Map<string, Readonly<Record<string, unknown>>[]> = new Map()
  /** Deferred answers to interactions, filled in: the token and the body. */
  readonly edits: { readonly token: string; readonly body: Readonly<Record<string, unknown>> }[] = []

  constructor(options: RestOptions) {
    this.#options = options
  }

  answer(request: EmulatedRequest): EmulatedResponse {
    const path = /^\/api(?:\/v\d+)?(\/.*)$/.exec(request.path)?.[1]
    if (path === undefined) return error(404, 0, '404: Not Found')
    // The proxy in front turns away whoever does not say what program it is.
    if (!/^DiscordBot \(\S+, \S+\)/.test(request.headers['user-agent'] ?? '')) {
      return { status: 403, text: 'error code: 1010' }
    }
    const body = parse(request.body)
    if (body === undefined) return error(400, 50109, 'The request body contains invalid JSON.')
    const edited = /^\/webhooks\/([^/]+)\/([^/]+)\/messages\/@original$/.exec(path)
    if (edited !== null && request.method === 'PATCH') return this.#edit(edited[2] ?? '', body)
    const bot = this.#options.world.bots.get(/^Bot (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '')
    if (bot === undefined) return error(401, 0, '401: Unauthorized')
    const sent = /^\/channels\/(\d+)\/messages$/.exec(path)
    const passage = this.#options.rates.pass(bot.token, request.method === 'POST' ? sent?.[1] : undefined)
    if ('refused' in passage) return passage.refused
    return withHeaders(this.#route(`${request.method} ${path}`, bot, body), passage)
  }

  #route(line: string, bot: EmulatedBot, body: Readonly<Record<string, unknown>>): EmulatedResponse {
    for (const [pattern, handle] of this.#routes) {
      const params = pattern.exec(line)?.slice(1)
      if (params !== undefined) return handle({ bot, params, body })
    }
    return error(404, 0, '404: Not Found')
  }

  readonly #routes: readonly (readonly [RegExp, (call: Call) => EmulatedResponse])[] = [
    [/^POST \/channels\/(\d+)\/messages$/, call => this.#createMessage(call)],
    [/^GET \/channels\/(\d+)$/, call => this.#getChannel(call)],
    [/^POST \/users\/@me\/channels$/, call => this.#createDirect(call)],
    [/^GET \/users\/@me$/, ({ bot }) => this.#json(this.#userOf(bot))],
    [/^GET \/applications\/@me$/, ({ bot }) => this.#json(this.#applicationOf(bot))],
    [/^GET \/gateway$/, () => this.#json({ url: this.#options.gatewayUrl() })],
    [/^GET \/gateway\/bot$/, ({ bot }) => this.#gatewayBot(bot)],
    [/^POST \/applications\/(\d+)\/commands$/, call => this.#addCommand(call)],
    [/^GET \/applications\/(\d+)\/commands$/, ({ params }) => this.#json(this.commands.get(params[0] ?? '') ?? [])],
  ]

  #createMessage({ bot, params, body }: Call): EmulatedResponse {
    const { clock, published, world } = this.#options
    const channel = world.channels.get(params[0] ?? '')
    if (channel === undefined) return error(404, 10003, 'Unknown Channel')
    if (channel.denied !== undefined) return denied(channel.denied)
    const blocked = (channel.recipients ?? []).some(id => id !== bot.id && !this.#takesDirect(id))
    if (blocked) return denied(50007)
    const refusal = checkMessage(body)
    if (refusal !== undefined) return refusal
    const key = body['enforce_nonce'] === true ? `${bot.id} ${String(body['nonce'])}` : undefined
    const known = key === undefined ? undefined : this.#nonces.get(key)
    if (known !== undefined && known.until > clock.now()) return this.#json(known.message)
    const message = world.add(postingOf(bot, channel.id, body))
    if (key !== undefined) this.#nonces.set(key, { message, until: clock.now() + NONCE_TTL })
    published(message)
    return this.#json(message)
  }

  #getChannel({ params }: Call): EmulatedResponse {
    const channel = this.#options.world.channels.get(params[0] ?? '')
    if (channel === undefined) return error(404, 10003, 'Unknown Channel')
    if (channel.denied === 50001) return denied(50001)
    return this.#json(this.#options.world.channelObject(channel))
  }

  #createDirect({ bot, body }: Call): EmulatedResponse {
    const { world } = this.#options
    const user = world.users.get(String(body['recipient_id']))
    if (user === undefined) return error(404, 10013, 'Unknown User')
    if (user.bot === true) return denied(50007)
    return this.#json(world.channelObject(world.directChannel(bot.id, user.id)))
  }

  #gatewayBot(bot: EmulatedBot): EmulatedResponse {
    return this.#json({
      url: this.#options.gatewayUrl(),
      shards: 1,
      session_start_limit: this.#options.sessionLimit(bot),
    })
  }

  #addCommand({ params, body }: Call): EmulatedResponse {
    const application = params[0] ?? ''
    if (typeof body['name'] !== 'string' || !/^[-_a-z0-9]{1,32}$/.test(body['name'])) {
      return invalidForm('name', 'APPLICATION_COMMAND_INVALID_NAME', 'Command name is invalid')
    }
    const others = (this.commands.get(application) ?? []).filter(command => command['name'] !== body['name'])
    const command = { id: this.#options.world.snowflake(), application_id: application, ...body }
    this.commands.set(application, [...others, command])
    return { status: 201, json: command }
  }

  #edit(token: string, body: Readonly<Record<string, unknown>>): EmulatedResponse {
    this.edits.push({ token, body })
    return this.#json(this.#options.world.add({ channelId: '1234', content: String(body['content'] ?? ''), type: 20 }))
  }

  #userOf(bot: EmulatedBot): object {
    return this.#options.world.userObject({ id: bot.id, username: bot.username, bot: true })
  }

  #applicationOf(bot: EmulatedBot): object {
    const flags = bot.mayReadText === false ? 0 : 1 << 19
    return {
      id: bot.applicationId,
      name: bot.username,
      flags,
      verify_key: this.#options.verifyKey,
      bot: this.#userOf(bot),
    }
  }

  #takesDirect(userId: string): boolean {
    return this.#options.world.users.get(userId)?.takesDirect !== false
  }

  #json(json: unknown): EmulatedResponse {
    return { status: 200, json }
  }
}

function postingOf(bot: EmulatedBot, channelId: string, body: Readonly<Record<string, unknown>>): Posting {
  return {
    channelId,
    content: String(body['content'] ?? ''),
    author: { id: bot.id, username: bot.username, bot: true },
    embeds: Array.isArray(body['embeds']) ? body['embeds'] : [],
    flags: typeof body['flags'] === 'number' ? body['flags'] : 0,
    ...(body['nonce'] === undefined || body['nonce'] === null ? {} : { nonce: String(body['nonce']) }),
    ...(body['message_reference'] === undefined ? {} : { type: 19 }),
  }
}

/** Discord counts code points. */
function checkMessage(body: Readonly<Record<string, unknown>>): EmulatedResponse | undefined {
  const { content = '', embeds = [], nonce } = body
  if (content !== null && [...String(content)].length > TEXT_MAX) {
    return invalidForm('content', 'BASE_TYPE_MAX_LENGTH', `Must be ${TEXT_MAX} or fewer in length.`)
  }
  if (typeof nonce === 'string' && nonce.length > NONCE_MAX) {
    return invalidForm('nonce', 'NONCE_TYPE_MAX_LENGTH', `Must be ${NONCE_MAX} or fewer in length.`)
  }
  if (!Array.isArray(embeds) || embeds.length > EMBEDS_MAX) {
    return invalidForm('embeds', 'BASE_TYPE_MAX_LENGTH', `Must be ${EMBEDS_MAX} or fewer in length.`)
  }
  if (embedText(embeds) > EMBED_TEXT_MAX) {
    return invalidForm('embeds', 'MAX_EMBED_SIZE_EXCEEDED', 'Embed size exceeds maximum size of 6000')
  }
  if (String(content ?? '').trim() === '' && embeds.length === 0) return denied(50006)
  return undefined
}

function embedText(value: unknown): number {
  if (typeof value === 'string') return [...value].length
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, item) => sum + embedText(item), 0)
}

const DENIALS: Readonly<Record<number, readonly [status: number, message: string]>> = {
  50001: [403, 'Missing Access'],
  50006: [400, 'Cannot send an empty message'],
  50007: [403, 'Cannot send messages to this user'],
  50008: [400, 'Cannot send messages in a non-text channel'],
  50013: [403, 'Missing Permissions'],
}

function denied(code: number): EmulatedResponse {
  const [status, message] = DENIALS[code] ?? [400, 'Denied']
  return error(status, code, message)
}

function error(status: number, code: number, message: string): EmulatedResponse {
  return { status, json: { message, code } }
}

function invalidForm(field: string, code: string, message: string): EmulatedResponse {
  const errors = { [field]: { _errors: [{ code, message }] } }
  return { status: 400, json: { message: 'Invalid Form Body', code: 50035, errors } }
}

function withHeaders(response: EmulatedResponse, passage: Passage): EmulatedResponse {
  if (response === 'drop' || 'refused' in passage) return response
  return { ...response, headers: { ...passage.headers, ...response.headers } }
}

function parse(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
