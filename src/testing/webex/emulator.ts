import { createHmac, randomUUID } from 'node:crypto'
import { type Clock, systemClock } from '../../clock.js'
import { rawId } from '../../transport/webex/ids.js'
import {
  type EmulatedRequest,
  type EmulatedResponse,
  type EmulatorServer,
  startEmulatorServer,
} from '../http-server.js'
import { type EmulatedMercurySocket, type EmulatedWebexDevice, Mercury, type MercuryBehaviour } from './mercury.js'
import {
  type EmulatedWebexAccount,
  type EmulatedWebexAction,
  type EmulatedWebexMessage,
  type EmulatedWebexRoom,
  type WebexSay,
  WebexWorld,
} from './world.js'

/** Options of {@link startWebexEmulator}; everything else is changed on the running emulator. */
export interface WebexEmulatorOptions {
  readonly clock?: Clock
  readonly port?: number
  /** Devices per account before Webex refuses more. Default 100. */
  readonly devicesMax?: number
}

/** One call of the REST services. */
export interface RecordedCall {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: unknown
}

/** A registered webhook. */
export interface EmulatedWebexWebhook {
  readonly id: string
  readonly account: EmulatedWebexAccount
  name: string
  targetUrl: string
  resource: string
  event: string
  secret?: string
  status: string
}

const CLUSTER = 'urn:TEAM:us-east-2_a'
const BODY_MAX = 7439

/** Starts a Webex on loopback that Webex's own client works with: REST, catalog, devices, Mercury, webhooks. */
export async function startWebexEmulator(options: WebexEmulatorOptions = {}): Promise<WebexEmulator> {
  const emulator = new WebexEmulator(options)
  await emulator.start(options.port)
  return emulator
}

/** One emulated organisation. `mercury` sets how its sockets misbehave. */
export class WebexEmulator {
  readonly mercury: MercuryBehaviour = { pongs: true, ready: true, deaf: false, duplicate: false, loseNext: 0 }
  /** Calls of the REST services in their order. */
  readonly calls: RecordedCall[] = []
  /** Status that the handshake of a socket is refused with; undefined takes it. */
  refuseSockets: number | undefined
  readonly #clock: Clock
  readonly #devicesMax: number
  readonly #world: WebexWorld
  readonly #devices = new Map<string, EmulatedWebexDevice>()
  readonly #webhooks = new Map<string, EmulatedWebexWebhook>()
  readonly #mercury: Mercury
  readonly #planned: { readonly match: string; readonly response: EmulatedResponse }[] = []
  #server: EmulatorServer | undefined

  constructor(options: WebexEmulatorOptions) {
    this.#clock = options.clock ?? systemClock
    this.#devicesMax = options.devicesMax ?? 100
    this.#world = new WebexWorld(() => this.#clock.now())
    this.#mercury = new Mercury({ clock: this.#clock, behaviour: this.mercury })
  }

  /** Called by {@link startWebexEmulator}. */
  async start(port?: number): Promise<void> {
    const handlers = {
      request: (request: EmulatedRequest) => this.#answer(request),
      upgrade: (request: Omit<EmulatedRequest, 'body'>) => this.#upgrade(request),
    }
    this.#server = await startEmulatorServer(handlers, port)
  }

  /** `http://127.0.0.1:<port>/v1`, for `WGROK_WEBEX_API_URL`. */
  get apiUrl(): string {
    return `${this.#url}/v1`
  }

  /** Base URL of the catalog. */
  get catalogUrl(): string {
    return `${this.#url}/u2c/api/v1`
  }

  get messages(): readonly EmulatedWebexMessage[] {
    return [...this.#world.messages.values()]
  }

  get devices(): readonly EmulatedWebexDevice[] {
    return [...this.#devices.values()]
  }

  get webhooks(): readonly EmulatedWebexWebhook[] {
    return [...this.#webhooks.values()]
  }

  /** Sockets that are ready. */
  get sockets(): readonly EmulatedMercurySocket[] {
    return this.#mercury.sockets
  }

  addBot(name: string): EmulatedWebexAccount {
    return this.#world.addAccount(name, `${name.toLowerCase().replaceAll(' ', '-')}@webex.bot`, true)
  }

  addPerson(name: string, email: string): EmulatedWebexAccount {
    return this.#world.addAccount(name, email, false)
  }

  addRoom(...members: readonly EmulatedWebexAccount[]): EmulatedWebexRoom {
    return this.#world.addRoom(members)
  }

  /** The 1:1 room of two accounts. */
  directRoom(a: EmulatedWebexAccount, b: EmulatedWebexAccount): EmulatedWebexRoom {
    return this.#world.directRoom(a, b)
  }

  /** Somebody says something; whoever it concerns hears of it. */
  say(author: EmulatedWebexAccount, room: EmulatedWebexRoom, say: string | WebexSay): EmulatedWebexMessage {
    const message = this.#world.addMessage(author, room, typeof say === 'string' ? { text: say } : say)
    this.#announce(message)
    return message
  }

  /** Somebody edits a message. */
  edit(message: EmulatedWebexMessage): void {
    const activity = { ...this.#activity('post', message.uuid, message), parent: { id: message.uuid, type: 'edit' } }
    for (const account of this.#concerned(message)) this.#mercury.publish(account, activity)
  }

  /** Announces a message again, or under another verb. */
  announce(message: EmulatedWebexMessage, verb = 'post'): void {
    const activity = this.#activity(verb, message.uuid, message)
    for (const account of this.#concerned(message)) this.#mercury.publish(account, activity)
  }

  /** Somebody submits a card. */
  submit(author: EmulatedWebexAccount, message: EmulatedWebexMessage, inputs: object): EmulatedWebexAction {
    const action = this.#world.addAction(author, message, inputs)
    for (const account of this.#members(message.room)) {
      this.#mercury.publish(account, this.#activity('cardAction', action.uuid, action))
    }
    return action
  }

  /** The next call whose `METHOD path` begins with `match` is answered with `response`. */
  plan(match: string, response: EmulatedResponse): void {
    this.#planned.push({ match, response })
  }

  /** Webex forgets a device: its socket and URL answer 404. */
  forgetDevice(device: EmulatedWebexDevice): void {
    this.#devices.delete(device.id)
  }

  /** Headers and body of a delivery, signed as Webex does. */
  delivery(
    resource: 'messages' | 'attachmentActions',
    id: string,
    secret: string,
  ): { headers: Record<string, string>; rawBody: Buffer } {
    const rawBody = Buffer.from(JSON.stringify({ id: randomUUID(), resource, event: 'created', data: { id } }))
    const signature = createHmac('sha1', secret).update(rawBody).digest('hex')
    return { headers: { 'x-spark-signature': signature, 'content-type': 'application/json' }, rawBody }
  }

  /** Drops every connection at once, as an outage does. */
  dropConnections(): void {
    this.#server?.dropConnections()
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  get #url(): string {
    return this.#server?.url ?? ''
  }

  #announce(message: EmulatedWebexMessage): void {
    this.announce(message)
  }

  #concerned(message: EmulatedWebexMessage): EmulatedWebexAccount[] {
    return this.#members(message.room).filter(account => this.#world.concerns(message, account))
  }

  #members(room: EmulatedWebexRoom): EmulatedWebexAccount[] {
    return [...this.#world.accounts.values()].filter(account => room.members.has(account.uuid))
  }

  #activity(
    verb: string,
    id: string,
    { author, room }: { readonly author: EmulatedWebexAccount; readonly room: EmulatedWebexRoom },
  ): Readonly<Record<string, unknown>> {
    return {
      id,
      objectType: 'activity',
      verb,
      published: new Date(this.#clock.now()).toISOString(),
      actor: {
        id: author.uuid,
        entryUUID: author.uuid,
        objectType: 'person',
        emailAddress: author.email,
        type: 'PERSON',
      },
      object: { objectType: 'comment', displayName: 'encrypted' },
      target: {
        id: room.uuid,
        objectType: 'conversation',
        url: `${this.#conversations}/conversations/${room.uuid}`,
        tags: room.direct ? ['ONE_ON_ONE'] : [],
      },
    }
  }

  /** On another host name than the rest: Webex's client tells the services apart by it. */
  get #conversations(): string {
    return `http://localhost:${this.#server?.port ?? 0}/conversation/api/v1`
  }

  #upgrade({
    path,
    query,
  }: Omit<EmulatedRequest, 'body'>): { refuse: number } | { accept: (socket: import('ws').WebSocket) => void } {
    if (this.refuseSockets !== undefined) return { refuse: this.refuseSockets }
    const id = /^\/v1\/apps\/wx2\/registrations\/([^/]+)\/messages$/.exec(path)?.[1]
    const device = this.#devices.get(id ?? '')
    if (device !== undefined) return { accept: socket => this.#mercury.accept(socket, device) }
    if (query.get('aliasHttpStatus') === 'true') return { accept: socket => socket.close(4404, 'not found') }
    return { refuse: 404 }
  }

  #answer(request: EmulatedRequest): EmulatedResponse {
    const { headers, method, path } = request
    const body = request.body.length === 0 ? undefined : parse(request.body)
    this.calls.push({ method, path, authorization: headers.authorization, body })
    const planned = this.#planned.findIndex(({ match }) => `${method} ${path}`.startsWith(match))
    if (planned !== -1) return this.#planned.splice(planned, 1)[0]?.response ?? 'drop'
    const account = this.#world.byToken(headers.authorization?.replace(/^Bearer /, '') ?? '')
    if (account === undefined)
      return refuse(401, 'The request requires a valid access token set in the Authorization request header.')
    const record = (body ?? {}) as Readonly<Record<string, unknown>>
    if (path.startsWith('/u2c/')) return { status: 200, json: this.#catalog() }
    if (path.startsWith('/wdm/')) return this.#devicesCall(method, path, account, record)
    if (path.startsWith('/v1/')) return this.#apiCall(method, path.slice(3), request.query, account, record)
    return refuse(404, 'not found')
  }

  #catalog(): object {
    const port = this.#server?.port ?? 0
    return {
      serviceLinks: { wdm: `${this.#url}/wdm/api/v1`, conversation: this.#conversations, hydra: this.apiUrl },
      hostCatalog: {
        [`localhost:${port}`]: [{ host: `localhost:${port}`, ttl: -1, priority: 1, id: `${CLUSTER}:conversation` }],
      },
      format: 'hostmap',
    }
  }

  #devicesCall(
    method: string,
    path: string,
    account: EmulatedWebexAccount,
    body: Readonly<Record<string, unknown>>,
  ): EmulatedResponse {
    const id = /^\/wdm\/api\/v1\/devices\/([^/]+)$/.exec(path)?.[1]
    const own = [...this.#devices.values()].filter(device => device.account === account)
    if (id === undefined && method === 'GET') {
      return own.length === 0 ? refuse(404, 'no devices') : { status: 200, json: { devices: own.map(deviceJson) } }
    }
    if (id === undefined) {
      if (own.length >= this.#devicesMax) return refuse(400, 'User has excessive device registrations')
      return { status: 200, json: deviceJson(this.#register(account, String(body['name']))) }
    }
    const device = this.#devices.get(id)
    if (device === undefined || device.account !== account) return refuse(404, 'device not found')
    if (method === 'DELETE') {
      this.#devices.delete(id)
      return { status: 204 }
    }
    device.modified = this.#clock.now()
    return { status: 200, json: deviceJson(device) }
  }

  #register(account: EmulatedWebexAccount, name: string): EmulatedWebexDevice {
    const id = randomUUID()
    const url = `${this.#url}/wdm/api/v1/devices/${id}`
    const webSocketUrl = `${this.#server?.socketUrl ?? ''}/v1/apps/wx2/registrations/${id}/messages`
    const device = { id, url, webSocketUrl, account, name, modified: this.#clock.now() }
    this.#devices.set(id, device)
    return device
  }

  #apiCall(
    method: string,
    path: string,
    query: URLSearchParams,
    account: EmulatedWebexAccount,
    body: Readonly<Record<string, unknown>>,
  ): EmulatedResponse {
    const [, collection, id = ''] = /^\/(messages|people|webhooks|attachment\/actions)(?:\/([^/]+))?$/.exec(path) ?? []
    switch (`${method} ${collection}${id === '' ? '' : '/'}`) {
      case 'GET people/':
        return person(id === 'me' ? account : this.#world.accounts.get(rawId(id)))
      case 'POST messages':
        return this.#create(account, body)
      case 'GET messages':
        return this.#list(account, query)
      case 'GET messages/':
        return this.#message(account, id)
      case 'GET attachment/actions/': {
        const action = this.#world.actions.get(rawId(id))
        return action === undefined ? refuse(404, 'not found') : { status: 200, json: action.json }
      }
      case 'GET webhooks':
        return { status: 200, json: { items: this.webhooks.filter(one => one.account === account).map(webhookJson) } }
      case 'POST webhooks': {
        const webhook = { id: randomUUID(), account, status: 'active', ...body } as EmulatedWebexWebhook
        this.#webhooks.set(webhook.id, webhook)
        return { status: 200, json: webhookJson(webhook) }
      }
      case 'PUT webhooks/': {
        const webhook = this.#webhooks.get(id)
        if (webhook === undefined) return refuse(404, 'not found')
        Object.assign(webhook, body)
        return { status: 200, json: webhookJson(webhook) }
      }
      default:
        return refuse(404, 'not found')
    }
  }

  #create(author: EmulatedWebexAccount, body: Readonly<Record<string, unknown>>): EmulatedResponse {
    const text = String(body['text'] ?? '')
    const markdown = body['markdown'] === undefined ? undefined : String(body['markdown'])
    if (Buffer.byteLength(markdown ?? text, 'utf8') > BODY_MAX) return refuse(400, 'Message text is too long.')
    const room = this.#target(author, body)
    if (room === undefined) return refuse(404, 'Could not find a room with provided ID.')
    if (!room.members.has(author.uuid)) return refuse(403, 'not a member')
    const message = this.#world.addMessage(author, room, {
      text,
      ...(markdown === undefined ? {} : { markdown }),
      ...(body['parentId'] === undefined ? {} : { parentId: String(body['parentId']) }),
      ...(body['attachments'] === undefined ? {} : { attachments: body['attachments'] as readonly unknown[] }),
    })
    this.#announce(message)
    return { status: 200, json: message.json }
  }

  #target(author: EmulatedWebexAccount, body: Readonly<Record<string, unknown>>): EmulatedWebexRoom | undefined {
    if (body['roomId'] !== undefined) return this.#world.rooms.get(rawId(String(body['roomId'])))
    const other =
      body['toPersonEmail'] === undefined
        ? this.#world.accounts.get(rawId(String(body['toPersonId'])))
        : this.#world.byEmail(String(body['toPersonEmail']))
    return other === undefined ? undefined : this.#world.directRoom(author, other)
  }

  #list(account: EmulatedWebexAccount, query: URLSearchParams): EmulatedResponse {
    const room = this.#world.rooms.get(rawId(query.get('roomId') ?? ''))
    if (room === undefined || !room.members.has(account.uuid)) return refuse(404, 'not found')
    if (account.bot && !room.direct && query.get('mentionedPeople') !== 'me')
      return refuse(403, 'bots list what mentions them')
    const items = this.messages.filter(message => message.room === room && this.#world.concerns(message, account))
    return {
      status: 200,
      json: {
        items: items
          .map(message => message.json)
          .reverse()
          .slice(0, Number(query.get('max') ?? 50)),
      },
    }
  }

  #message(account: EmulatedWebexAccount, id: string): EmulatedResponse {
    const message = this.#world.messages.get(rawId(id))
    if (message === undefined || !this.#world.concerns(message, account)) return refuse(404, 'Message not found')
    return { status: 200, json: message.json }
  }
}

function deviceJson({ url, webSocketUrl, account, name, modified }: EmulatedWebexDevice): object {
  const modificationTime = new Date(modified).toISOString()
  return {
    url,
    webSocketUrl,
    userId: account.uuid,
    name,
    deviceType: 'DESKTOP',
    modificationTime,
    services: {},
    features: {},
  }
}

function webhookJson({ id, name, targetUrl, resource, event, status }: EmulatedWebexWebhook): object {
  return { id, name, targetUrl, resource, event, status }
}

function person(account: EmulatedWebexAccount | undefined): EmulatedResponse {
  if (account === undefined) return refuse(404, 'not found')
  const { id, email, name, bot } = account
  return { status: 200, json: { id, emails: [email], displayName: name, type: bot ? 'bot' : 'person' } }
}

function refuse(status: number, message: string): EmulatedResponse {
  const trackingId = `EMULATOR_${randomUUID()}`
  return {
    status,
    headers: { trackingid: trackingId },
    json: { message, errors: [{ description: message }], trackingId },
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
