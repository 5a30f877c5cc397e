import { type RestCall, slackPostMessageCall } from '../../../generated/rest.js'
import { type ErrorCode, WgrokError } from '../../errors.js'
import { createDial } from '../dial.js'
import { createRestClient, type RestFailure, retryAfter } from '../http.js'

/** Where Slack answers unless a base URL is given. */
export const SLACK_API_URL = 'https://slack.com/api'

/** Options of {@link createSlackApi}. */
export interface SlackApiOptions {
  /** Proxy for every call. */
  readonly proxy?: string | undefined
  /** Default {@link SLACK_API_URL}. */
  readonly apiUrl?: string | undefined
  /** Sees the scopes of the token, where an answer tells them. */
  readonly onScopes?: ((scopes: readonly string[]) => void) | undefined
}

/** What every answer of Slack has. */
export interface SlackReply {
  readonly ok: boolean
  readonly error?: string
  readonly needed?: string
}

/** Input of one call. */
export interface SlackInput<Params, Request> {
  readonly params: Params
  readonly body?: Request
  readonly signal?: AbortSignal
}

/** Slack's Web API with one token. */
export interface SlackApi {
  /**
   * One attempt.
   *
   * @returns the answer, whose `ok` is true.
   * @throws WgrokError what {@link slackFailure} makes of `ok: false`, else as the REST client does.
   */
  call<Params, Request, Reply extends SlackReply>(
    operation: RestCall<Params, Request, Reply>,
    input: SlackInput<Params, Request>,
  ): Promise<Reply>
  close(): Promise<void>
}

/** The Web API; nothing is connected before the first call. @param token sent as a Bearer header, never elsewhere */
export function createSlackApi(token: string, options: SlackApiOptions = {}): SlackApi {
  const { proxy, apiUrl = SLACK_API_URL, onScopes } = options
  const rest = createRestClient({
    baseUrl: apiUrl.replace(/\/+$/, ''),
    headers: { authorization: `Bearer ${token}`, 'user-agent': 'wgrok' },
    dial: createDial(proxy === undefined ? {} : { proxy }),
    failure: slackHttpFailure,
    ...(onScopes === undefined
      ? {}
      : {
          observe: (_operation, header) => {
            const scopes = header('x-oauth-scopes')
            if (scopes !== undefined) onScopes(scopes.split(/[\s,]+/).filter(scope => scope !== ''))
          },
        }),
  })
  return {
    async call(operation, input) {
      const { params, body, signal } = input
      const reply = await rest.call(operation, {
        params,
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      })
      if (!reply.ok) throw slackFailure(operation.id, reply)
      return reply
    },
    close: () => rest.close(),
  }
}

/** What Slack's error names mean. Names that are not listed are `platform-rejected`. */
const FAILURES: Readonly<Record<string, ErrorCode>> = {
  account_inactive: 'auth-failed',
  invalid_auth: 'auth-failed',
  not_authed: 'auth-failed',
  token_expired: 'auth-failed',
  token_revoked: 'auth-failed',
  team_disabled: 'auth-failed',
  user_removed_from_team: 'auth-failed',
  access_denied: 'forbidden',
  accesslimited: 'forbidden',
  as_user_not_supported: 'forbidden',
  ekm_access_denied: 'forbidden',
  enterprise_is_restricted: 'forbidden',
  forbidden_team: 'forbidden',
  missing_scope: 'forbidden',
  no_permission: 'forbidden',
  not_allowed_token_type: 'forbidden',
  not_in_channel: 'forbidden',
  org_login_required: 'forbidden',
  team_access_not_granted: 'forbidden',
  cannot_dm_bot: 'target-invalid',
  cannot_reply_to_message: 'target-invalid',
  is_archived: 'target-invalid',
  messages_tab_disabled: 'target-invalid',
  user_disabled: 'target-invalid',
  channel_not_found: 'target-not-found',
  thread_not_found: 'target-not-found',
  user_not_found: 'target-not-found',
  users_not_found: 'target-not-found',
  user_not_visible: 'target-not-found',
  message_limit_exceeded: 'platform-rejected',
  msg_blocks_too_long: 'frame-too-large',
  msg_too_long: 'frame-too-large',
  rate_limited: 'rate-limited',
  ratelimited: 'rate-limited',
  fatal_error: 'platform-unavailable',
  internal_error: 'platform-unavailable',
  request_timeout: 'platform-unavailable',
  service_unavailable: 'platform-unavailable',
  team_added_to_org: 'platform-unavailable',
}

/** The error of an answer with `ok: false`. Only names of Slack's own go into its text. */
export function slackFailure(operation: string, reply: SlackReply): WgrokError {
  const name = reply.error !== undefined && /^[a-z0-9_]{1,64}$/.test(reply.error) ? reply.error : 'an unnamed error'
  const code = name.startsWith('restricted_action') ? 'forbidden' : (FAILURES[name] ?? 'platform-rejected')
  const needed = name === 'missing_scope' ? scopesIn(reply.needed) : undefined
  return new WgrokError(code, `${operation}: ${name}${needed === undefined ? '' : `, the app needs ${needed}`}`)
}

function scopesIn(needed: string | undefined): string | undefined {
  return needed !== undefined && /^[a-z0-9:._, -]{1,200}$/.test(needed) ? needed : undefined
}

/** Slack names the error in the body of a refusal too; a status of 429 or 5xx says enough by itself. */
export function slackHttpFailure({ operation, status, body, header }: RestFailure): WgrokError | undefined {
  if (status === 429 && operation === slackPostMessageCall.id) {
    // One message a second and channel; what limits the whole workspace is seen again at the next channel.
    const retryAfterMs = retryAfter(header('retry-after'))
    return new WgrokError('rate-limited', `${operation} answered 429`, { retryAfterMs, retryScope: 'destination' })
  }
  return status === 429 || status >= 500 || !isRefusal(body) ? undefined : slackFailure(operation, body)
}

function isRefusal(body: unknown): body is SlackReply {
  const reply = body as Partial<SlackReply> | null | undefined
  return typeof reply === 'object' && reply !== null && reply.ok === false && typeof reply.error === 'string'
}
