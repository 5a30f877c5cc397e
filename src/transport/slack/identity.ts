import type { SlackUser } from '../../../generated/models.js'
import { slackAuthTestCall, slackGetUserCall } from '../../../generated/rest.js'
import type { Identity } from '../../access/identity.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import { retry } from '../retry.js'
import type { SlackApi } from './api.js'

/** Who the bot token belongs to. */
export interface SlackSelf {
  readonly userId: string
  readonly botId: string | undefined
  readonly teamId: string
}

/** Who wrote something, in Slack's ids. */
export interface SlackAuthor {
  readonly user?: string | undefined
  /** Set on what bots write. */
  readonly bot?: string | undefined
  readonly app?: string | undefined
  readonly team?: string | undefined
}

/** Knows the bot itself, and the principals of everybody else. */
export interface SlackDirectory {
  /** Asks Slack once. @throws WgrokError `auth-failed` and whatever a call throws; asked again next time. */
  self(): Promise<SlackSelf>
  /**
   * Principals of an author. A promise only where Slack has to be asked for an e-mail address.
   *
   * @throws WgrokError when Slack cannot be asked right now; without the e-mail the author might be refused for good.
   */
  identify(author: SlackAuthor): Identity | Promise<Identity>
}

/** Options of {@link createSlackDirectory}. */
export interface SlackDirectoryOptions {
  readonly clock?: Clock
  readonly random?: () => number
  readonly logger?: Logger
  /** Ends lookups under way. */
  readonly signal?: AbortSignal
  /** How long an answer of `users.info` holds, in ms. Default one hour. */
  readonly ttl?: number
  /** Users remembered at most. Default 10,000. */
  readonly max?: number
}

const USER_TTL = 60 * 60 * 1000
const USERS_MAX = 10_000

/** The directory of one workspace, over `auth.test` and `users.info`. */
export function createSlackDirectory(api: SlackApi, options: SlackDirectoryOptions = {}): SlackDirectory {
  return new Directory(api, options)
}

class Directory implements SlackDirectory {
  readonly #api: SlackApi
  readonly #options: SlackDirectoryOptions
  readonly #logger: Logger
  readonly #users: ExpiringMap<Identity>
  readonly #asking = new Map<string, Promise<Identity>>()
  #self: Promise<SlackSelf> | undefined
  #warned = false

  constructor(api: SlackApi, options: SlackDirectoryOptions) {
    const { clock = systemClock, logger = silent, ttl = USER_TTL, max = USERS_MAX } = options
    this.#api = api
    this.#options = options
    this.#logger = logger
    this.#users = new ExpiringMap({ ttl, max, clock })
  }

  self(): Promise<SlackSelf> {
    this.#self ??= this.#askSelf().catch(error => {
      this.#self = undefined
      throw error
    })
    return this.#self
  }

  identify(author: SlackAuthor): Identity | Promise<Identity> {
    const { user, bot, app, team } = author
    // A bot has no e-mail, and the name that it shows is its own choice.
    if (bot !== undefined || app !== undefined || user === undefined) return { principals: [botPrincipal(author)] }
    const key = `${user}@${team ?? ''}`
    const known = this.#users.get(key)
    if (known !== undefined) return known
    const asked = this.#asking.get(key) ?? this.#askUser(user, team).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked.then(identity => {
      this.#users.set(key, identity)
      return identity
    })
  }

  async #askSelf(): Promise<SlackSelf> {
    const { signal } = this.#options
    const reply = await this.#api.call(slackAuthTestCall, { params: {}, ...(signal === undefined ? {} : { signal }) })
    const { user_id: userId, bot_id: botId, team_id: teamId } = reply
    if (userId === undefined || teamId === undefined) {
      throw new WgrokError('platform-rejected', 'auth.test did not say who the token belongs to')
    }
    return { userId, botId, teamId }
  }

  async #askUser(user: string, team: string | undefined): Promise<Identity> {
    const self = await this.self()
    const synthetic = `${user}@${team ?? self.teamId}.slack`
    const email = await this.#emailOf(user, team, self)
    return { principals: email === undefined ? [synthetic] : [email, synthetic] }
  }

  async #emailOf(user: string, team: string | undefined, self: SlackSelf): Promise<string | undefined> {
    // Another workspace vouches for its own addresses only, and could claim one of ours.
    if (team !== undefined && team !== self.teamId) return undefined
    const { clock, random, signal } = this.#options
    try {
      const found = await retry(
        () => this.#api.call(slackGetUserCall, { params: { user }, ...(signal === undefined ? {} : { signal }) }),
        {
          ...(clock === undefined ? {} : { clock }),
          ...(random === undefined ? {} : { random }),
          ...(signal === undefined ? {} : { signal }),
        },
      )
      return found.user === undefined ? undefined : trustedEmail(found.user, self)
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (error.retryable || error.code === 'aborted') throw error
      this.#warnOnce(error)
      return undefined
    }
  }

  #warnOnce(error: WgrokError): void {
    if (this.#warned) return
    this.#warned = true
    this.#logger.warn('users are known by their ids only: users.info was refused', { code: error.code, error })
  }
}

function trustedEmail(user: SlackUser, self: SlackSelf): string | undefined {
  if (user.team_id !== undefined && user.team_id !== self.teamId) return undefined
  const email = user.profile?.email
  return email === undefined || email === '' ? undefined : email
}

function botPrincipal({ user, bot, app, team = 'unknown' }: SlackAuthor): string {
  if (app !== undefined) return `${app}@apps.${team}.slack`
  return `${bot ?? user ?? 'unknown'}@bots.${team}.slack`
}
