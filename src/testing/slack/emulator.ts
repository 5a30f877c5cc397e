import { randomUUID } from 'node:crypto'
import { type Clock, delay, systemClock } from '../../clock.js'
import { type EmulatedResponse, type EmulatorServer, startEmulatorServer } from '../http-server.js'
import { type HookBehaviour, Hooks, type RecordedHook } from './hooks.js'
import { commandPayload, eventPayload, interactionPayload } from './payloads.js'
import {
  type DisconnectReason,
  type EmulatedSlackSocket,
  type Push,
  type RecordedAck,
  type SocketBehaviour,
  Sockets,
} from './sockets.js'
import { answerWebApi, type PlannedAnswer, type SlackCall, type WebApiLimits } from './web-api.js'
import {
  type AddApp,
  type EmulatedSlackApp,
  type EmulatedSlackChannel,
  type EmulatedSlackMessage,
  type EmulatedSlackUser,
  Workspace,
} from './workspace.js'

/** Options of {@link startSlackEmulator}; everything else is changed on the running emulator. */
export interface SlackEmulatorOptions {
  readonly clock?: Clock
  readonly port?: number
  readonly limits?: Partial<WebApiLimits>
  readonly sockets?: Partial<SocketBehaviour>
  readonly hooks?: Partial<HookBehaviour>
}

/** What a person says. */
export interface Say {
  readonly thread?: string
  /** Fields that the event has besides, e.g. `user_team`. */
  readonly fields?: Readonly<Record<string, unknown>>
}

const LIMITS: WebApiLimits = { perChannelMs: 0, splitAt: 4_000, truncateAt: 40_000, historyPage: 999, historyMs: 0 }
const HISTORY_PATH = /^\/api\/conversations\.(?:history|replies)$/
const SOCKETS: SocketBehaviour = {
  ackTimeoutMs: 3_000,
  retries: 3,
  socketsMax: 10,
  pingIntervalMs: 10_000,
  pongs: true,
  hello: true,
  duplicate: false,
  disconnectAfterMs: 0,
}
const HOOKS: HookBehaviour = { retryDelaysMs: [0, 60_000, 300_000], timeoutMs: 3_000 }

/** Starts a Slack on loopback that Slack's own clients work with: Web API, Socket Mode, Events API. */
export async function startSlackEmulator(options: SlackEmulatorOptions = {}): Promise<SlackEmulator> {
  const emulator = new SlackEmulator(options)
  await emulator.start(options.port)
  return emulator
}

/** One emulated workspace. Its fields `limits`, `sockets` and `hooks` set how it misbehaves. */
export class SlackEmulator {
  readonly limits: WebApiLimits
  readonly sockets: SocketBehaviour
  readonly hooks: HookBehaviour
  /** Calls of the Web API in their order. */
  readonly calls: SlackCall[] = []
  readonly #workspace: Workspace
  readonly #clock: Clock
  readonly #sockets: Sockets
  readonly #hooks: Hooks
  readonly #planned = new Map<string, PlannedAnswer[]>()
  #server: EmulatorServer | undefined

  constructor(options: SlackEmulatorOptions) {
    this.#clock = options.clock ?? systemClock
    this.limits = { ...LIMITS, ...options.limits }
    this.sockets = { ...SOCKETS, ...options.sockets }
    this.hooks = { ...HOOKS, ...options.hooks }
    this.#workspace = new Workspace(() => this.#clock.now())
    this.#sockets = new Sockets({ clock: this.#clock, behaviour: this.sockets })
    this.#hooks = new Hooks(this.#clock, this.hooks)
  }

  /** `http://127.0.0.1:<port>/api`, without a slash at the end. */
  get apiUrl(): string {
    return `${this.#running.url}/api`
  }

  get teamId(): string {
    return this.#workspace.teamId
  }

  /** Every message of the workspace as it is stored. */
  get messages(): readonly EmulatedSlackMessage[] {
    return this.#workspace.messages
  }

  get acks(): readonly RecordedAck[] {
    return this.#sockets.acks
  }

  /** Deliveries to request URLs. */
  get deliveries(): readonly RecordedHook[] {
    return this.#hooks.deliveries
  }

  /** Ids of the events that were given up after the last repetition. */
  get lost(): readonly string[] {
    return [...this.#sockets.lost, ...this.#hooks.lost]
  }

  /** Envelopes that are neither acked nor given up. */
  get unacked(): number {
    return this.#sockets.waiting
  }

  /** Envelopes sent over sockets, repetitions included. */
  get envelopes(): number {
    return this.#sockets.sent
  }

  /** Listens. Called by {@link startSlackEmulator}. */
  async start(port = 0): Promise<void> {
    const web = {
      workspace: this.#workspace,
      clock: this.#clock,
      limits: this.limits,
      calls: this.calls,
      pace: new Map<string, number>(),
      planned: this.#planned,
      posted: (channel: EmulatedSlackChannel, message: EmulatedSlackMessage) => this.#announce(channel, message),
      ticket: (app: EmulatedSlackApp) =>
        `${this.#running.socketUrl}/link/?ticket=${this.#sockets.ticket(app)}&app_id=${app.appId}`,
    }
    this.#server = await startEmulatorServer(
      {
        request: async request => {
          if (!request.path.startsWith('/api/')) return { status: 404, text: 'not found' }
          const { historyMs } = this.limits
          if (historyMs > 0 && HISTORY_PATH.test(request.path)) await delay(historyMs, undefined, this.#clock)
          return answerWebApi(request, web)
        },
        upgrade: ({ path, query }) => {
          const app = path === '/link/' ? this.#sockets.redeem(query.get('ticket') ?? '') : undefined
          return app === undefined ? { refuse: 404 } : { accept: socket => this.#sockets.accept(app, socket) }
        },
      },
      port,
    )
  }

  addApp(app: AddApp): EmulatedSlackApp {
    return this.#workspace.addApp(app)
  }

  addUser(user: { readonly name: string; readonly email?: string; readonly teamId?: string }): EmulatedSlackUser {
    return this.#workspace.addUser(user)
  }

  /** @param members user ids, bots by their `botUserId`; returns the id of the channel */
  addChannel(name: string, members: readonly string[], kind?: EmulatedSlackChannel['kind']): string {
    return this.#workspace.addChannel(name, members, kind)
  }

  /** The direct conversation of an app and a person. */
  direct(app: EmulatedSlackApp, user: string): string {
    return this.#workspace.direct(app, user)
  }

  archive(channel: string): void {
    this.#channel(channel).archived = true
  }

  /** A person types something. */
  say(channel: string, user: string, text: string, options: Say = {}): EmulatedSlackMessage {
    const where = this.#channel(channel)
    const fields = { user, client_msg_id: randomUUID(), ...options.fields }
    const message = this.#workspace.post(where, { text, source: 'typed', thread: options.thread, fields })
    this.#announce(where, message)
    return message
  }

  /** A person edits a message. */
  edit(message: EmulatedSlackMessage, text: string): void {
    const { channel, channel_type, ts } = message
    const edited = { ...message, text, edited: { user: message['user'], ts: this.#workspace.nextTs() } }
    this.#event(channel, {
      type: 'message',
      subtype: 'message_changed',
      channel,
      channel_type,
      ts: this.#workspace.nextTs(),
      event_ts: ts,
      message: edited,
      previous_message: message,
    })
  }

  /** Any event about a conversation, to whoever listens there. */
  event(channel: string, event: Readonly<Record<string, unknown>>): void {
    this.#event(channel, { channel, ...event })
  }

  /** A slash command. Resolves with the answer where it went over HTTP. */
  command(app: EmulatedSlackApp, user: string, channel: string, text: string): Promise<RecordedHook | undefined> {
    const payload = commandPayload(app, this.teamId, { user, channel, text })
    return this.#push(app, { type: 'slash_commands', payload, acceptsResponse: true }, () =>
      new URLSearchParams(payload).toString(),
    )
  }

  /** A button or form; `payload` gets team, user and trigger. */
  interact(
    app: EmulatedSlackApp,
    user: string,
    payload: Readonly<Record<string, unknown>>,
  ): Promise<RecordedHook | undefined> {
    const whole = interactionPayload(app, this.teamId, user, payload)
    return this.#push(app, { type: 'interactive', payload: whole, acceptsResponse: false }, () =>
      new URLSearchParams({ payload: JSON.stringify(whole) }).toString(),
    )
  }

  /** Whether the request URL of an app answers the challenge. */
  async verify(app: EmulatedSlackApp): Promise<boolean> {
    const challenge = randomUUID()
    const body = JSON.stringify({ type: 'url_verification', token: 'deprecated', challenge })
    const { status, body: answer } = await this.#hooks.post(app, body, 'application/json')
    return status === 200 && answer.includes(challenge)
  }

  /** Answers the next calls of a method so, instead of doing them. */
  plan(method: string, ...answers: readonly EmulatedResponse[]): void {
    this.#plan(method, answers, false)
  }

  /** Does what the next calls of a method ask for, and answers so all the same: `drop` is an answer lost on its way. */
  planAfter(method: string, ...answers: readonly EmulatedResponse[]): void {
    this.#plan(method, answers, true)
  }

  /** Refuses the next calls of a method with `ok: false`. */
  refuse(method: string, error: string, more: Readonly<Record<string, unknown>> = {}): void {
    this.plan(method, { status: 200, json: { ok: false, error, ...more } })
  }

  /** Answers the next `count` calls of a method with 429. */
  throttle(method: string, count: number, seconds = 1): void {
    const headers = { 'retry-after': String(seconds) }
    const answer = { status: 429, headers, json: { ok: false, error: 'ratelimited' } }
    this.plan(method, ...Array.from({ length: count }, () => answer))
  }

  /** Open sockets of an app, or of all. */
  connections(app?: EmulatedSlackApp): readonly EmulatedSlackSocket[] {
    return this.#sockets.of(app)
  }

  /** Asks clients to go: all sockets, unless some are given. */
  disconnect(reason: DisconnectReason, sockets: readonly EmulatedSlackSocket[] = this.connections()): void {
    this.#sockets.disconnect(reason, sockets)
  }

  /** Cuts every socket, the way an outage does. */
  cut(): void {
    for (const socket of [...this.connections()]) socket.cut()
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#sockets.close()
    this.#hooks.close()
    await this.#server?.close()
  }

  #plan(method: string, answers: readonly EmulatedResponse[], done: boolean): void {
    const planned = answers.map(answer => ({ answer, done }))
    this.#planned.set(method, [...(this.#planned.get(method) ?? []), ...planned])
  }

  #announce(channel: EmulatedSlackChannel, message: EmulatedSlackMessage): void {
    for (const app of this.#workspace.listeners(channel)) this.#deliver(app, message)
  }

  #event(channel: string, event: Readonly<Record<string, unknown>>): void {
    for (const app of this.#workspace.listeners(this.#channel(channel))) this.#deliver(app, event)
  }

  #deliver(app: EmulatedSlackApp, event: Readonly<Record<string, unknown>>): void {
    const payload = eventPayload(app, this.teamId, this.#clock.now(), event)
    if (app.requestUrl === undefined) this.#sockets.push(app, { type: 'events_api', payload, acceptsResponse: false })
    else void this.#hooks.event(app, payload)
  }

  async #push(app: EmulatedSlackApp, push: Push, form: () => string): Promise<RecordedHook | undefined> {
    if (app.requestUrl !== undefined) return this.#hooks.post(app, form(), 'application/x-www-form-urlencoded')
    this.#sockets.push(app, push)
    return undefined
  }

  #channel(id: string): EmulatedSlackChannel {
    const channel = this.#workspace.channels.get(id)
    if (channel === undefined) throw new RangeError('the emulator has no such channel')
    return channel
  }

  get #running(): EmulatorServer {
    if (this.#server === undefined) throw new RangeError('the emulator is not started')
    return this.#server
  }
}
