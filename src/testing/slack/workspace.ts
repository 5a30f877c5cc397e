import { storedText, type TextSource } from './text.js'

/** An app of the emulated workspace, with everything that a real one shows its owner. */
export interface EmulatedSlackApp {
  readonly name: string
  readonly appId: string
  readonly botUserId: string
  readonly botId: string
  /** `xoxb-…` */
  readonly botToken: string
  /** `xapp-…` */
  readonly appToken: string
  readonly signingSecret: string
  /** Scopes of the bot token. May be changed at any time. */
  readonly scopes: Set<string>
  /** Set: events go there over HTTP. Unset: they go over Socket Mode. */
  requestUrl: string | undefined
  /** Classic apps post with subtype `bot_message` and without a user. */
  readonly classic: boolean
  /** False: every call is answered with `account_inactive`. */
  active: boolean
}

/** A person, or the user of a bot. */
export interface EmulatedSlackUser {
  readonly id: string
  readonly name: string
  readonly teamId: string
  readonly email: string | undefined
  readonly isBot: boolean
}

/** A conversation. */
export interface EmulatedSlackChannel {
  readonly id: string
  readonly name: string
  readonly kind: 'channel' | 'group' | 'im'
  /** User ids. */
  readonly members: Set<string>
  archived: boolean
}

/** A stored message, as Slack sends it in events. */
export type EmulatedSlackMessage = Readonly<Record<string, unknown>> & {
  readonly channel: string
  readonly ts: string
  readonly text: string
}

/** What `addApp` takes. */
export interface AddApp {
  readonly name: string
  /** Default: all that the emulator knows. */
  readonly scopes?: readonly string[]
  readonly classic?: boolean
  readonly requestUrl?: string
}

/** Scopes of an app with everything. */
export const ALL_SCOPES: readonly string[] = [
  ...['chat:write', 'im:write', 'users:read', 'users:read.email', 'channels:read', 'app_mentions:read', 'commands'],
  ...['channels:history', 'groups:history', 'im:history', 'mpim:history'],
]

/** Scopes that reading a conversation needs. */
export const HISTORY_SCOPES: Readonly<Record<EmulatedSlackChannel['kind'], string>> = {
  channel: 'channels:history',
  group: 'groups:history',
  im: 'im:history',
}

/** What is posted. */
export interface Post {
  readonly text: string
  readonly source: TextSource
  readonly thread?: string | undefined
  readonly blocks?: readonly Readonly<Record<string, unknown>>[] | undefined
  readonly fields?: Readonly<Record<string, unknown>>
}

/** Apps, people, conversations and messages of one team. */
export class Workspace {
  readonly teamId = 'T0001'
  readonly apps: EmulatedSlackApp[] = []
  readonly users: Map<string, EmulatedSlackUser> = new Map()
  readonly channels: Map<string, EmulatedSlackChannel> = new Map()
  readonly messages: EmulatedSlackMessage[] = []
  readonly #now: () => number
  #serial = 0

  constructor(now: () => number) {
    this.#now = now
  }

  addApp(app: AddApp): EmulatedSlackApp {
    const n = this.#number()
    const added: EmulatedSlackApp = {
      name: app.name,
      appId: `A${n}`,
      botUserId: `UB${n}`,
      botId: `B${n}`,
      botToken: `xoxb-${n}-secret-of-${app.name}`,
      appToken: `xapp-1-A${n}-secret-of-${app.name}`,
      signingSecret: `signing-secret-${n}`,
      scopes: new Set(app.scopes ?? ALL_SCOPES),
      requestUrl: app.requestUrl,
      classic: app.classic ?? false,
      active: true,
    }
    this.apps.push(added)
    const { botUserId: id, name } = added
    this.users.set(id, { id, name, teamId: this.teamId, email: undefined, isBot: true })
    return added
  }

  addUser(user: { readonly name: string; readonly email?: string; readonly teamId?: string }): EmulatedSlackUser {
    const { name, email, teamId = this.teamId } = user
    const added = { id: `U${this.#number()}`, name, teamId, email, isBot: false }
    this.users.set(added.id, added)
    return added
  }

  addChannel(name: string, members: readonly string[], kind: EmulatedSlackChannel['kind'] = 'channel'): string {
    const prefix = kind === 'im' ? 'D' : kind === 'group' ? 'G' : 'C'
    const id = `${prefix}${this.#number()}`
    this.channels.set(id, { id, name, kind, members: new Set(members), archived: false })
    return id
  }

  /** The direct conversation between an app and a user, opened when there is none. */
  direct(app: EmulatedSlackApp, user: string): string {
    for (const channel of this.channels.values()) {
      if (channel.kind === 'im' && channel.members.has(app.botUserId) && channel.members.has(user)) return channel.id
    }
    return this.addChannel('', [app.botUserId, user], 'im')
  }

  /** By id or name. */
  channel(named: string): EmulatedSlackChannel | undefined {
    const name = named.replace(/^#/, '')
    return this.channels.get(named) ?? [...this.channels.values()].find(one => one.name === name && name !== '')
  }

  /** Stores a message and returns it as an event. */
  post(channel: EmulatedSlackChannel, post: Post): EmulatedSlackMessage {
    const ts = this.nextTs()
    const stored = storedText(post.text, post.source)
    const blocks = (post.blocks ?? [{ type: 'rich_text', elements: [] }]).map((block, index) => ({
      block_id: `b${index}`,
      ...block,
    }))
    const message: EmulatedSlackMessage = {
      type: 'message',
      team: this.teamId,
      ...post.fields,
      text: stored,
      blocks,
      channel: channel.id,
      channel_type: channel.kind,
      ts,
      event_ts: ts,
      ...(post.thread === undefined ? {} : { thread_ts: post.thread }),
    }
    this.messages.push(message)
    return message
  }

  /** What an app's own posts look like to everybody. */
  botFields(app: EmulatedSlackApp): Readonly<Record<string, unknown>> {
    const { botId, appId, name, botUserId, classic } = app
    const profile = { id: botId, app_id: appId, name, team_id: this.teamId }
    if (classic) return { subtype: 'bot_message', bot_id: botId, username: name }
    return { user: botUserId, bot_id: botId, app_id: appId, bot_profile: profile }
  }

  /** Apps that get events of a conversation: in it, and allowed to read it. */
  listeners(channel: EmulatedSlackChannel): readonly EmulatedSlackApp[] {
    return this.apps.filter(app => channel.members.has(app.botUserId) && app.scopes.has(HISTORY_SCOPES[channel.kind]))
  }

  /** Seconds since 1970 with a running fraction: unique in the whole workspace. */
  nextTs(): string {
    this.#serial++
    return `${Math.floor(this.#now() / 1000)}.${String(this.#serial).padStart(6, '0')}`
  }

  #number(): string {
    this.#serial++
    return String(this.#serial).padStart(4, '0')
  }
}
