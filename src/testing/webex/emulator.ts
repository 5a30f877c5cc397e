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
  /** How soon an account may send the next message, in ms; sooner is answered 429. Default 0. */
  readonly sendEveryMs?: number
  /** How soon an account may read the next message, in ms. Default 0. */
  readonly readEveryMs?: number
}

/** One call of the REST services. */
export interface RecordedCall {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: unknown
  /** Status of the answer; 0 when the connection was dropped instead. */
  readonly status: number
  /** When it came, by the emulator's clock, in ms since 1970. */
  readonly at: number
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
/** Failed deliveries in a row that switch a webhook off; Webex counts to about a hundred. */
const FAILURES_MAX = 3

/** Starts a Webex on loopback that Webex's own client works with: REST, catalog, devices, Mercury, webhooks. */
export async function startWebexEmulator(options: WebexEmulatorOptions = {}): Promise<WebexEmulator> {
  const emulator = new WebexEmulator(options)
  await emulator.start(options.port)
  return emulator
}

/** One emulated organisation. `mercury` sets how its sockets misbehave. */
export class WebexEmulator {
  readonly mercury: MercuryBehaviour = {
    pongs: true,
    ready: true,
    deaf: false,
    duplicate: false,
    authorized: 0,
    loseNext: 0,
  }
  /** Calls of the REST services in their order. */
  readonly calls: RecordedCall[] = []
  /** Whether forgotten devices are listed all the same. */
  listGone = false
  /** Whether `aliasHttpStatus` is obeyed. */
  alias = true
  /** Statuses that webhook deliveries were answered with, 0 where nobody answered. */
  readonly deliveries: number[] = []
  /** What handshakes of sockets end with: an HTTP status, or a close code right after it; undefined takes them. */
  refuseSockets: number | undefined
  readonly #clock: Clock
  readonly #options: WebexEmulatorOptions
  readonly #free = new Map<string, number>()
  readonly #edits = new Map<string, EmulatedWebexMessage>()
  readonly #world: WebexWorld
  readonly #devices = new Map<string, EmulatedWebexDevice>()
  readonly #gone: EmulatedWebexDevice[] = []
  readonly #webhooks = new Map<string, EmulatedWebexWebhook>()
  readonly #mercury: Mercury
  readonly #planned: { readonly match: string; readonly response: EmulatedResponse }[] = []
  #server: EmulatorServer | undefined

  constructor(options: WebexEmulatorOptions) {
    this.#clock = options.clock ?? systemClock
    this.#options = options
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
    for (const account of this.#concerned(message)) this.#notify(account, 'messages', message.id)
    return message
  }

  /** Somebody edits a message. */
  edit(message: EmulatedWebexMessage): void {
    const uuid = randomUUID()
    this.#edits.set(uuid, message)
    const activity = { ...this.#activity('post', uuid, message), parent: { id: message.uuid, type: 'edit' } }
    for (const account of this.#concerned(message)) this.#mercury.publish(account, activity)
  }

  /** Announces a message again, or under another verb. */
  announce(message: EmulatedWebexMessage, verb = 'post'): void {
    const activity = this.#activity(verb, message.uuid, message)
    for (const account of this.#announcedTo(message)) this.#mercury.publish(account, activity)
  }

  /** Somebody submits a card. */
  submit(author: EmulatedWebexAccount, message: EmulatedWebexMessage, inputs: object): EmulatedWebexAction {
    const action = this.#world.addAction(author, message, inputs)
    for (const account of this.#members(message.room)) this.#notify(account, 'attachmentActions', action.id)
    for (const account of this.#members(message.room)) {
      this.#mercury.publish(account, this.#activity('cardAction', action.uuid, action))
    }
    return action
  }

  /** The next call whose `METHOD path` begins with `match` is answered with `response`. */
  plan(match: string, response: EmulatedResponse): void {
    this.#planned.push({ match, response })
  }

  /** Registers a device, as another program does. */
  addDevice(account: EmulatedWebexAccount, name: string): EmulatedWebexDevice {
    return this.#register(account, name)
  }

  /** Webex forgets a device: its socket and URL answer 404. */
  forgetDevice(device: EmulatedWebexDevice): void {
    this.#devices.delete(device.id)
    this.#gone.push(device)
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

  /** Posts to the webhooks of an account; one that is never answered 2xx is switched off, after a few of them. */
  #notify(account: EmulatedWebexAccount, resource: 'messages' | 'attachmentActions', id: string): void {
    for (const webhook of this.#webhooks.values()) {
      if (webhook.account !== account || webhook.resource !== resource || webhook.status !== 'active') continue
      const { headers, rawBody } = this.delivery(resource, id, webhook.secret ?? '')
      void fetch(webhook.targetUrl, { method: 'POST', headers, body: new Uint8Array(rawBody) })
        .then(
          answer => answer.status,
          () => 0,
        )
        .then(status => {
          this.deliveries.push(status)
          const failures = this.deliveries.slice(-FAILURES_MAX).filter(one => one < 200 || one > 299)
          if (failures.length === FAILURES_MAX) webhook.status = 'inactive'
        })
    }
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

  /** Whether bots are told of what does not mention them: they cannot read it. */
  tellsAll = false

  #announcedTo(message: EmulatedWebexMessage): EmulatedWebexAccount[] {
    return this.tellsAll ? this.#members(message.room) : this.#concerned(message)
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
    const code = this.refuseSockets
    if (code !== undefined) return code < 1000 ? { refuse: code } : { accept: socket => socket.close(code, 'refused') }
    const id = /^\/v1\/apps\/wx2\/registrations\/([^/]+)\/messages$/.exec(path)?.[1]
    const device = this.#devices.get(id ?? '')
    if (device !== undefined) return { accept: socket => this.#mercury.accept(socket, device) }
    if (this.alias && query.get('aliasHttpStatus') === 'true')
      return { accept: socket => socket.close(4404, 'not found') }
    return { refuse: 404 }
  }

  #answer(request: EmulatedRequest): EmulatedResponse {
    const { headers, method, path } = request
    const body = request.body.length === 0 ? undefined : parse(request.body)
    const answered = this.#answerTo(request, body)
    const [status, at] = [answered === 'drop' ? 0 : answered.status, this.#clock.now()]
    this.calls.push({ method, path, authorization: headers.authorization, body, status, at })
    return answered
  }

  #answerTo(request: EmulatedRequest, body: unknown): EmulatedResponse {
    const { headers, method, path } = request
    const planned = this.#planned.findIndex(({ match }) => `${method} ${path}`.startsWith(match))
    if (planned !== -1) return this.#planned.splice(planned, 1)[0]?.response ?? 'drop'
    // Webex's client asks for this one before it has shown its token.
    if (path.startsWith('/u2c/') && path.endsWith('/limited/catalog')) return { status: 200, json: this.#catalog() }
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
      const listed = this.listGone ? [...this.#gone.filter(device => device.account === account), ...own] : own
      return listed.length === 0
        ? refuse(404, 'no devices')
        : { status: 200, json: { devices: listed.map(deviceJson) } }
    }
    if (id === undefined) {
      if (own.length >= (this.#options.devicesMax ?? 100)) return refuse(403, 'User has excessive device registrations')
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
    const [, collection, id = ''] =
      /^\/(messages|rooms|people|webhooks|attachment\/actions)(?:\/([^/]+))?$/.exec(path) ?? []
    switch (`${method} ${collection}${id === '' ? '' : '/'}`) {
      case 'GET people/':
        return person(id === 'me' ? account : this.#world.accounts.get(rawId(id)))
      case 'POST messages':
        return this.#throttled(`send ${account.uuid}`, this.#options.sendEveryMs) ?? this.#create(account, body)
      case 'GET rooms':
        return { status: 200, json: { items: this.#roomsOf(account).slice(0, Number(query.get('max') ?? 100)) } }
      case 'GET messages':
        return this.#list(account, query)
      case 'GET messages/':
        return this.#throttled(`read ${account.uuid}`, this.#options.readEveryMs) ?? this.#message(account, id)
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

  #throttled(what: string, every = 0): EmulatedResponse | undefined {
    const now = this.#clock.now()
    const free = this.#free.get(what) ?? 0
    if (now < free) {
      const response = refuse(429, 'Too many requests') as Exclude<EmulatedResponse, 'drop'>
      return { ...response, headers: { ...response.headers, 'retry-after': String(Math.ceil((free - now) / 1000)) } }
    }
    if (every > 0) this.#free.set(what, now + every)
    return undefined
  }

  /** The room of the latest activity first. */
  #roomsOf(account: EmulatedWebexAccount): object[] {
    const latest = new Map<EmulatedWebexRoom, unknown>()
    for (const message of this.#world.messages.values()) latest.set(message.room, message.json['created'])
    return [...this.#world.rooms.values()]
      .filter(room => room.members.has(account.uuid))
      .map(room => ({
        id: room.id,
        title: 'room',
        type: room.direct ? 'direct' : 'group',
        lastActivity: String(latest.get(room) ?? new Date(0).toISOString()),
      }))
      .toSorted((a, b) => (a.lastActivity < b.lastActivity ? 1 : -1))
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
    const mine = query.get('mentionedPeople') === 'me'
    const items = this.messages
      .filter(message => message.room === room && (!mine || message.mentioned.has(account.uuid)))
      .reverse()
    const before = query.get('beforeMessage')
    const from = before === null ? 0 : items.findIndex(message => message.id === before) + 1
    const page = items.slice(from, from + Number(query.get('max') ?? 50))
    return { status: 200, json: { items: page.map(message => message.json) } }
  }

  #message(account: EmulatedWebexAccount, id: string): EmulatedResponse {
    const message = this.#world.messages.get(rawId(id)) ?? this.#edits.get(rawId(id))
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
