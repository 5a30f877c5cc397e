import { randomUUID } from 'node:crypto'
import { rawId, writeId } from '../../transport/webex/ids.js'

/** An account: a bot, or a person that a test speaks for. */
export interface EmulatedWebexAccount {
  readonly token: string
  readonly uuid: string
  /** REST id. */
  readonly id: string
  readonly email: string
  readonly name: string
  readonly bot: boolean
}

/** A room with its members' uuids. */
export interface EmulatedWebexRoom {
  readonly uuid: string
  /** REST id. */
  readonly id: string
  readonly direct: boolean
  readonly members: Set<string>
}

/** A message, as the API gives it plus what only the cloud knows. */
export interface EmulatedWebexMessage {
  readonly uuid: string
  readonly id: string
  readonly room: EmulatedWebexRoom
  readonly author: EmulatedWebexAccount
  readonly text: string
  readonly mentioned: ReadonlySet<string>
  readonly json: Readonly<Record<string, unknown>>
}

/** A card action. */
export interface EmulatedWebexAction {
  readonly uuid: string
  readonly id: string
  readonly room: EmulatedWebexRoom
  readonly author: EmulatedWebexAccount
  readonly json: Readonly<Record<string, unknown>>
}

/** What a message says. */
export interface WebexSay {
  readonly text: string
  readonly markdown?: string
  readonly parentId?: string
  readonly attachments?: readonly unknown[]
  /** Accounts that are mentioned, beside those that the markdown names. */
  readonly mentions?: readonly EmulatedWebexAccount[]
}

/** Accounts, rooms and messages of one emulated organisation. */
export class WebexWorld {
  readonly accounts: Map<string, EmulatedWebexAccount> = new Map()
  readonly rooms: Map<string, EmulatedWebexRoom> = new Map()
  readonly messages: Map<string, EmulatedWebexMessage> = new Map()
  readonly actions: Map<string, EmulatedWebexAction> = new Map()
  readonly #now: () => number
  #created = 0

  constructor(now: () => number) {
    this.#now = now
  }

  addAccount(name: string, email: string, bot: boolean): EmulatedWebexAccount {
    const uuid = randomUUID()
    // The official client wants three parts, the last an organisation's uuid.
    const token = `tok-${name}_PF84_${randomUUID()}`
    const account = { token, uuid, id: writeId({ cluster: 'us', type: 'PEOPLE', uuid }), email, name, bot }
    this.accounts.set(uuid, account)
    return account
  }

  byToken(token: string): EmulatedWebexAccount | undefined {
    return [...this.accounts.values()].find(account => account.token === token)
  }

  byEmail(email: string): EmulatedWebexAccount | undefined {
    return [...this.accounts.values()].find(account => account.email.toLowerCase() === email.toLowerCase())
  }

  addRoom(members: readonly EmulatedWebexAccount[], direct = false): EmulatedWebexRoom {
    const uuid = randomUUID()
    const id = writeId({ cluster: 'us', type: 'ROOM', uuid })
    const room = { uuid, id, direct, members: new Set(members.map(member => member.uuid)) }
    this.rooms.set(uuid, room)
    return room
  }

  /** The 1:1 room of two accounts, made when there is none. */
  directRoom(a: EmulatedWebexAccount, b: EmulatedWebexAccount): EmulatedWebexRoom {
    const known = [...this.rooms.values()].find(
      room => room.direct && room.members.has(a.uuid) && room.members.has(b.uuid),
    )
    return known ?? this.addRoom([a, b], true)
  }

  addMessage(author: EmulatedWebexAccount, room: EmulatedWebexRoom, say: WebexSay): EmulatedWebexMessage {
    const uuid = randomUUID()
    const id = writeId({ cluster: 'us', type: 'MESSAGE', uuid })
    const mentioned = new Set((say.mentions ?? []).map(account => account.uuid))
    const text = say.markdown === undefined ? say.text : this.#render(say.markdown, mentioned)
    const json = {
      id,
      roomId: room.id,
      roomType: room.direct ? 'direct' : 'group',
      text,
      personId: author.id,
      personEmail: author.email,
      // Times are unique: the order of messages is the order of their times.
      created: new Date(this.#now() + this.#created++).toISOString(),
      ...(mentioned.size === 0 ? {} : { mentionedPeople: [...mentioned].map(one => this.accounts.get(one)?.id) }),
      ...(say.markdown === undefined ? {} : { markdown: say.markdown }),
      ...(say.parentId === undefined ? {} : { parentId: say.parentId }),
      ...(say.attachments === undefined ? {} : { attachments: say.attachments }),
    }
    const message = { uuid, id, room, author, text, mentioned, json }
    this.messages.set(uuid, message)
    return message
  }

  addAction(author: EmulatedWebexAccount, message: EmulatedWebexMessage, inputs: object): EmulatedWebexAction {
    const uuid = randomUUID()
    const id = writeId({ cluster: 'us', type: 'ATTACHMENT_ACTION', uuid })
    const json = { id, type: 'submit', messageId: message.id, personId: author.id, roomId: message.room.id, inputs }
    const action = { uuid, id, room: message.room, author, json }
    this.actions.set(uuid, action)
    return action
  }

  /** Whether an account gets an event of a message: in groups bots do only when mentioned. */
  concerns(message: EmulatedWebexMessage, account: EmulatedWebexAccount): boolean {
    if (!message.room.members.has(account.uuid)) return false
    if (message.room.direct || !account.bot || message.author === account) return true
    return message.mentioned.has(account.uuid)
  }

  /** Mentions become names, as in what Webex calls `text`. */
  #render(markdown: string, mentioned: Set<string>): string {
    // A parser of markdown in small: what has a meaning loses its marks, what is escaped stays as it is.
    const token = /<@person(Email|Id):([^>|]+)(?:\|[^>]*)?>|\\([\\`*_[\]<>&~|#])|[`*_~]/g
    return markdown.replace(token, (tag, kind?: string, id?: string, escaped?: string) => {
      if (kind === undefined || id === undefined) return escaped ?? ''
      const account = kind === 'Email' ? this.byEmail(id) : this.accounts.get(rawId(id))
      if (account === undefined) return tag
      mentioned.add(account.uuid)
      return account.name
    })
  }
}
