import type { Clock } from '../../clock.js'

/** A bot as the developer portal knows it. */
export interface EmulatedBot {
  readonly token: string
  /** User id of the bot. */
  readonly id: string
  readonly applicationId: string
  readonly username: string
  /** Whether the Message Content intent is enabled in the portal. Default true. */
  readonly mayReadText?: boolean
}

/** A user; bots are users too. */
export interface EmulatedUser {
  readonly id: string
  readonly username: string
  readonly bot?: boolean
  /** Whether strangers may write directly. Default true; never for bots. */
  readonly takesDirect?: boolean
}

/** A channel. */
export interface EmulatedChannel {
  readonly id: string
  /** 0 text, 1 direct, 2 voice. */
  readonly type: number
  readonly name: string
  readonly guildId?: string
  /** User ids of a direct channel. */
  readonly recipients?: readonly string[]
  /** What writing to it is answered with: 50001, 50013, 50007 or 50008. */
  readonly denied?: number
}

/** A message as the REST API returns it. */
export interface EmulatedMessage {
  readonly id: string
  readonly channel_id: string
  readonly content: string
  readonly author: Readonly<Record<string, unknown>> & { readonly id: string }
  readonly embeds: readonly object[]
  readonly type: number
  readonly [field: string]: unknown
}

/** Somebody writes a message. */
export interface Posting {
  readonly channelId: string
  readonly content: string
  /** Default: the person 42. */
  readonly author?: EmulatedUser
  readonly embeds?: readonly object[]
  readonly attachments?: readonly object[]
  /** Default 0; 19 is a reply, 7 a join. */
  readonly type?: number
  readonly flags?: number
  readonly nonce?: string
  readonly webhookId?: string
  readonly applicationId?: string
  /** User ids that the text mentions. */
  readonly mentions?: readonly string[]
}

export const GUILD = '9'
export const ANN: EmulatedUser = { id: '42', username: 'ann' }

/** Servers, channels, people and messages. */
export class World {
  readonly bots: Map<string, EmulatedBot> = new Map()
  readonly users: Map<string, EmulatedUser> = new Map([[ANN.id, ANN]])
  readonly channels: Map<string, EmulatedChannel> = new Map()
  readonly messages: EmulatedMessage[] = []
  readonly #clock: Clock
  #snowflake = 1_200_000_000_000_000_000n

  constructor(bots: readonly EmulatedBot[], clock: Clock) {
    this.#clock = clock
    for (const bot of bots) {
      this.bots.set(bot.token, bot)
      this.users.set(bot.id, { id: bot.id, username: bot.username, bot: true })
    }
    this.channels.set('1234', { id: '1234', type: 0, name: 'ops', guildId: GUILD })
  }

  /** The next id; ids grow with time. */
  snowflake(): string {
    this.#snowflake += 1n
    return String(this.#snowflake)
  }

  /** The direct channel of two users; the same one every time. */
  directChannel(first: string, second: string): EmulatedChannel {
    for (const channel of this.channels.values()) {
      if (channel.recipients?.includes(first) && channel.recipients.includes(second)) return channel
    }
    const channel = { id: this.snowflake(), type: 1, name: 'direct', recipients: [first, second] }
    this.channels.set(channel.id, channel)
    return channel
  }

  /** Adds a message; Discord trims it and takes out what would break the layout. */
  add(posting: Posting): EmulatedMessage {
    const { author = ANN, channelId, flags = 0, mentions = [], type = 0 } = posting
    const message: EmulatedMessage = {
      id: this.snowflake(),
      type,
      channel_id: channelId,
      content: tidy(posting.content),
      author: this.userObject(author),
      attachments: posting.attachments ?? [],
      embeds: (flags & 4) !== 0 ? [] : (posting.embeds ?? []).map(embed => ({ type: 'rich', ...embed })),
      mentions: mentions.map(id => this.userObject(this.users.get(id) ?? { id, username: `user ${id}` })),
      mention_roles: [],
      mention_everyone: false,
      pinned: false,
      tts: false,
      timestamp: new Date(this.#clock.now()).toISOString(),
      edited_timestamp: null,
      flags,
      components: [],
      ...(posting.nonce === undefined ? {} : { nonce: posting.nonce }),
      ...(posting.webhookId === undefined ? {} : { webhook_id: posting.webhookId }),
      ...(posting.applicationId === undefined ? {} : { application_id: posting.applicationId }),
    }
    this.messages.push(message)
    return message
  }

  userObject(user: EmulatedUser): { readonly id: string } & Readonly<Record<string, unknown>> {
    return {
      id: user.id,
      username: user.username,
      discriminator: '0',
      global_name: null,
      avatar: null,
      ...(user.bot === true ? { bot: true } : {}),
    }
  }

  channelObject(channel: EmulatedChannel): Readonly<Record<string, unknown>> {
    if (channel.type === 1) {
      const recipients = (channel.recipients ?? []).map(id =>
        this.userObject(this.users.get(id) ?? { id, username: id }),
      )
      return { id: channel.id, type: 1, last_message_id: null, recipients }
    }
    return {
      id: channel.id,
      type: channel.type,
      guild_id: channel.guildId,
      name: channel.name,
      position: 0,
      permission_overwrites: [],
      parent_id: null,
      topic: null,
      nsfw: false,
      last_message_id: null,
      rate_limit_per_user: 0,
    }
  }

  /** Data of `GUILD_CREATE`. */
  guildObject(): Readonly<Record<string, unknown>> {
    const since = '2025-01-01T00:00:00.000Z'
    return {
      id: GUILD,
      name: 'emulated',
      icon: null,
      owner_id: ANN.id,
      afk_timeout: 300,
      verification_level: 0,
      default_message_notifications: 0,
      explicit_content_filter: 0,
      mfa_level: 0,
      nsfw_level: 0,
      premium_tier: 0,
      premium_progress_bar_enabled: false,
      system_channel_flags: 0,
      preferred_locale: 'en-US',
      features: [],
      emojis: [],
      stickers: [],
      roles: [
        {
          id: GUILD,
          name: '@everyone',
          color: 0,
          hoist: false,
          position: 0,
          permissions: '2147483647',
          managed: false,
          mentionable: false,
          flags: 0,
        },
      ],
      joined_at: since,
      large: false,
      member_count: this.users.size,
      members: [...this.users.values()].map(user => ({
        user: this.userObject(user),
        roles: [],
        joined_at: since,
        deaf: false,
        mute: false,
        flags: 0,
      })),
      channels: [...this.channels.values()]
        .filter(channel => channel.guildId === GUILD)
        .map(channel => this.channelObject(channel)),
      threads: [],
      presences: [],
      voice_states: [],
      stage_instances: [],
      guild_scheduled_events: [],
      soundboard_sounds: [],
    }
  }
}

function tidy(content: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what Discord takes out
  return content.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').trim()
}
