import type { Clock } from '../../clock.js'
import type { EmulatedRequest, EmulatedResponse } from '../http-server.js'
import { listMessages } from './history.js'
import { Refusal } from './refusal.js'
import { splitText } from './text.js'
import type { EmulatedSlackApp, EmulatedSlackChannel, EmulatedSlackMessage, Workspace } from './workspace.js'

/** One call of the Web API, as it was answered. */
export interface SlackCall {
  readonly method: string
  /** Arguments from query, form or JSON; the token is left out. */
  readonly args: Readonly<Record<string, unknown>>
  readonly app: string | undefined
  /** Milliseconds since 1970. */
  readonly at: number
  readonly status: number
  readonly error: string | undefined
}

/** Limits that the emulated Web API keeps. */
export interface WebApiLimits {
  /** Shortest time between two messages to one channel, in ms; 0 for none. */
  perChannelMs: number
  /** Longer texts are posted in pieces. */
  splitAt: number
  /** Longer texts are cut, with a warning. */
  truncateAt: number
  /** Messages on a page of history at most. Slack: 999, and 15 for some apps that are sold outside its Marketplace. */
  historyPage: number
  /** How long a page of history takes, in ms. */
  historyMs: number
}

/** An answer to give instead of doing what is asked for; with `done`, after doing it. */
export interface PlannedAnswer {
  readonly answer: EmulatedResponse
  readonly done: boolean
}

/** What the Web API needs of the rest. */
export interface WebApiOptions {
  readonly workspace: Workspace
  readonly clock: Clock
  readonly limits: WebApiLimits
  readonly calls: SlackCall[]
  /** When the next message may be posted, by app and channel. */
  readonly pace: Map<string, number>
  /** Answers to give instead of the next ones, per method. */
  readonly planned: Map<string, PlannedAnswer[]>
  readonly posted: (channel: EmulatedSlackChannel, message: EmulatedSlackMessage) => void
  /** A socket URL for an app, good once. */
  readonly ticket: (app: EmulatedSlackApp) => string
}

type Args = Readonly<Record<string, unknown>>
type Answer = Readonly<Record<string, unknown>>
type Method = (args: Args, app: EmulatedSlackApp, options: WebApiOptions) => Answer

const METHODS: Readonly<Record<string, { readonly scope?: string; readonly app?: true; readonly run: Method }>> = {
  'api.test': { run: () => ({}) },
  'auth.test': { run: authTest },
  'apps.connections.open': { app: true, run: (_args, app, { ticket }) => ({ url: ticket(app) }) },
  'bots.info': { scope: 'users:read', run: botsInfo },
  'chat.postMessage': { scope: 'chat:write', run: postMessage },
  'conversations.history': { run: conversationsHistory },
  'conversations.info': { scope: 'channels:read', run: conversationsInfo },
  'conversations.open': { scope: 'im:write', run: conversationsOpen },
  'conversations.replies': { run: conversationsReplies },
  'users.info': { scope: 'users:read', run: usersInfo },
  'users.lookupByEmail': { scope: 'users:read.email', run: lookupByEmail },
}

/** A message's metadata in characters. The emulator's own figure. */
const METADATA_MAX = 8_000

/** Answers one request to `/api/<method>`. */
export function answerWebApi(request: EmulatedRequest, options: WebApiOptions): EmulatedResponse {
  const { clock, calls, planned, workspace } = options
  const method = request.path.replace(/^\/api\//, '')
  const { token, ...args } = argsOf(request)
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  const given = bearer ?? (typeof token === 'string' && method !== 'apps.connections.open' ? token : undefined)
  const app = workspace.apps.find(one => one.botToken === given || one.appToken === given)
  const plan = planned.get(method)?.shift()
  const done = plan?.done === false ? undefined : respond(method, args, given, app, options)
  const answer = plan?.answer ?? done ?? 'drop'
  const error = answer === 'drop' ? undefined : (answer.json as { readonly error?: string } | undefined)?.error
  const status = answer === 'drop' ? 0 : answer.status
  calls.push({ method, args, app: app?.name, at: clock.now(), status, error })
  if (answer === 'drop' || app === undefined) return answer
  return { ...answer, headers: { 'x-oauth-scopes': [...app.scopes].join(','), ...answer.headers } }
}

function respond(
  name: string,
  args: Args,
  token: string | undefined,
  app: EmulatedSlackApp | undefined,
  options: WebApiOptions,
): EmulatedResponse {
  const method = METHODS[name]
  try {
    if (method === undefined) throw new Refusal('unknown_method')
    if (token === undefined) throw new Refusal('not_authed')
    if (app === undefined) throw new Refusal('invalid_auth')
    if (!app.active) throw new Refusal('account_inactive')
    if ((method.app === true) !== (token === app.appToken)) throw new Refusal('not_allowed_token_type')
    const { scope } = method
    if (scope !== undefined && !app.scopes.has(scope)) {
      throw new Refusal('missing_scope', { needed: scope, provided: [...app.scopes].join(',') })
    }
    return { status: 200, json: { ok: true, ...method.run(args, app, options) } }
  } catch (caught) {
    if (!(caught instanceof Refusal)) throw caught
    if (caught.error !== 'ratelimited') return { status: 200, json: { ok: false, error: caught.error, ...caught.more } }
    return {
      status: 429,
      headers: { 'retry-after': String(caught.more['wait']) },
      json: { ok: false, error: 'ratelimited' },
    }
  }
}

/** Query, form and JSON alike; the official client sends objects as JSON inside forms. */
function argsOf(request: EmulatedRequest): Record<string, unknown> {
  const args: Record<string, unknown> = Object.fromEntries(request.query)
  const type = request.headers['content-type'] ?? ''
  const body = request.body.toString('utf8')
  if (type.startsWith('application/json')) return body === '' ? args : { ...args, ...JSON.parse(body) }
  for (const [name, value] of new URLSearchParams(body)) {
    args[name] = /^(?:[[{]|true$|false$)/.test(value) && name !== 'text' ? JSON.parse(value) : value
  }
  return args
}

function authTest(_args: Args, app: EmulatedSlackApp, { workspace }: WebApiOptions): Answer {
  return {
    url: 'https://emulated.slack.com/',
    team: 'emulated',
    user: app.name,
    team_id: workspace.teamId,
    user_id: app.botUserId,
    bot_id: app.botId,
    is_enterprise_install: false,
  }
}

function botsInfo(args: Args, _app: EmulatedSlackApp, { workspace }: WebApiOptions): Answer {
  const found = workspace.apps.find(one => one.botId === args['bot'])
  if (found === undefined) throw new Refusal('bot_not_found')
  return { bot: { id: found.botId, app_id: found.appId, user_id: found.botUserId, name: found.name } }
}

function postMessage(args: Args, app: EmulatedSlackApp, options: WebApiOptions): Answer {
  const { workspace, limits, posted } = options
  const { text = '', blocks, metadata, thread_ts: thread } = args
  const channel = destination(String(args['channel'] ?? ''), app, workspace)
  if (text === '' && blocks === undefined) throw new Refusal('no_text')
  if (Array.isArray(blocks) && (blocks.length > 50 || blocks.some(block => block?.type === undefined))) {
    throw new Refusal('invalid_blocks')
  }
  if (thread !== undefined && !/^[0-9]+\.[0-9]+$/.test(String(thread))) throw new Refusal('invalid_thread_ts')
  if (metadata !== undefined) checkMetadata(metadata)
  keepPace(channel, app, options)
  const whole = String(text)
  const kept = whole.slice(0, limits.truncateAt)
  const messages = splitText(kept, limits.splitAt).map(piece => {
    const message = workspace.post(channel, {
      text: piece,
      source: 'posted',
      thread: thread === undefined ? undefined : String(thread),
      blocks: Array.isArray(blocks) ? blocks : undefined,
      fields: { ...workspace.botFields(app), ...(metadata === undefined ? {} : { metadata }) },
    })
    posted(channel, message)
    return message
  })
  const warnings = kept.length < whole.length ? { response_metadata: { warnings: ['message_truncated'] } } : {}
  return { channel: channel.id, ts: messages[0]?.ts, message: messages[0], ...warnings }
}

function checkMetadata(metadata: unknown): void {
  const { event_payload: payload, event_type: type } = metadata as Args
  if (typeof type !== 'string' || typeof payload !== 'object' || payload === null) {
    throw new Refusal('invalid_metadata_format')
  }
  if (JSON.stringify(metadata).length > METADATA_MAX) throw new Refusal('metadata_too_large')
}

function destination(named: string, app: EmulatedSlackApp, workspace: Workspace): EmulatedSlackChannel {
  const user = workspace.users.get(named)
  if (user?.isBot === true) throw new Refusal('cannot_dm_bot')
  const channel = workspace.channel(user === undefined ? named : workspace.direct(app, user.id))
  const member = channel?.members.has(app.botUserId) === true
  // What an app is not in and may not see does not exist for it.
  if (channel === undefined || (!member && channel.kind !== 'channel')) throw new Refusal('channel_not_found')
  if (!member) throw new Refusal('not_in_channel')
  if (channel.archived) throw new Refusal('is_archived')
  return channel
}

function keepPace(channel: EmulatedSlackChannel, app: EmulatedSlackApp, options: WebApiOptions): void {
  const { clock, limits, pace } = options
  if (limits.perChannelMs <= 0) return
  const key = `${app.appId} ${channel.id}`
  const wait = (pace.get(key) ?? 0) - clock.now()
  if (wait > 0) throw new Refusal('ratelimited', { wait: Math.ceil(wait / 1000) })
  pace.set(key, clock.now() + limits.perChannelMs)
}

function conversationsInfo(args: Args, app: EmulatedSlackApp, { workspace }: WebApiOptions): Answer {
  const channel = workspace.channels.get(String(args['channel']))
  const member = channel?.members.has(app.botUserId) === true
  if (channel === undefined || (!member && channel.kind !== 'channel')) throw new Refusal('channel_not_found')
  const { id, name, kind, archived } = channel
  return { channel: { id, name, is_im: kind === 'im', is_member: member, is_archived: archived } }
}

function conversationsHistory(args: Args, app: EmulatedSlackApp, { limits, workspace }: WebApiOptions): Answer {
  return listMessages(args, app, { workspace, pageMax: limits.historyPage, thread: undefined })
}

function conversationsReplies(args: Args, app: EmulatedSlackApp, { limits, workspace }: WebApiOptions): Answer {
  if (args['ts'] === undefined) throw new Refusal('invalid_arguments')
  return listMessages(args, app, { workspace, pageMax: limits.historyPage, thread: String(args['ts']) })
}

function conversationsOpen(args: Args, app: EmulatedSlackApp, { workspace }: WebApiOptions): Answer {
  const user = workspace.users.get(String(args['users']))
  if (user === undefined) throw new Refusal('user_not_found')
  if (user.isBot) throw new Refusal('cannot_dm_bot')
  return { channel: { id: workspace.direct(app, user.id) } }
}

function usersInfo(args: Args, app: EmulatedSlackApp, options: WebApiOptions): Answer {
  const user = options.workspace.users.get(String(args['user']))
  if (user === undefined) throw new Refusal('user_not_found')
  const { id, name, teamId, email, isBot } = user
  const shown = app.scopes.has('users:read.email') && email !== undefined ? { email } : {}
  return { user: { id, name, team_id: teamId, is_bot: isBot, profile: { display_name: name, ...shown } } }
}

function lookupByEmail(args: Args, app: EmulatedSlackApp, options: WebApiOptions): Answer {
  const wanted = String(args['email']).toLowerCase()
  const user = [...options.workspace.users.values()].find(one => one.email?.toLowerCase() === wanted)
  if (user === undefined) throw new Refusal('users_not_found')
  return usersInfo({ user: user.id }, app, options)
}
