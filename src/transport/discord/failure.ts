import { type ErrorCode, WgrokError } from '../../errors.js'
import { type RestFailure, retryAfter } from '../http.js'
import type { LimitScope } from './budget.js'

/** JSON error codes of Discord's that say more than the HTTP status. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  10003: 'target-not-found', // unknown channel
  10004: 'target-not-found', // unknown guild
  10013: 'target-not-found', // unknown user
  20016: 'rate-limited', // slow mode
  20022: 'rate-limited', // announcement edits
  20028: 'rate-limited', // write rate of the channel
  40001: 'auth-failed',
  40062: 'rate-limited',
  50001: 'forbidden', // missing access
  50006: 'platform-rejected', // empty message
  50007: 'target-invalid', // bots and people whose direct messages are closed
  50008: 'target-invalid', // a channel without text
  50013: 'forbidden', // missing permissions
  50033: 'target-invalid', // invalid recipient
  50035: 'platform-rejected', // invalid form body
}

const FORM_INVALID = 50035

/** Names a failure by Discord's own code where it has one; undefined leaves it to the status. */
export function discordFailure(failure: RestFailure): WgrokError | undefined {
  const { operation, status } = failure
  const number = errorNumber(failure.body)
  const limit = limitOf(failure)
  const detail = `${operation} answered ${status}${number === undefined ? '' : `, code ${number}`}`
  if (limit !== undefined) {
    const retryScope = limit.scope === 'global' ? 'account' : 'destination'
    return new WgrokError('rate-limited', `${detail} (${limit.scope})`, {
      retryAfterMs: limit.retryAfterMs,
      retryScope,
    })
  }
  if (status === 401) return new WgrokError('auth-failed', detail)
  if (number === undefined || status >= 500) return undefined
  const code = number === FORM_INVALID && isTooLong(failure.body) ? 'frame-too-large' : CODES[number]
  return code === undefined ? undefined : new WgrokError(code, detail)
}

/** What a refusal for the rate was about, and how long to wait; undefined for other failures. */
export function limitOf(
  failure: RestFailure,
): { readonly scope: LimitScope; readonly retryAfterMs: number } | undefined {
  const { body, header, status } = failure
  const number = errorNumber(body)
  if (status !== 429 && (number === undefined || CODES[number] !== 'rate-limited')) return undefined
  const global = header('x-ratelimit-global') === 'true' || field(body, 'global') === true
  const shared = header('x-ratelimit-scope') === 'shared'
  return { scope: global ? 'global' : shared ? 'shared' : 'user', retryAfterMs: waitOf(failure) }
}

/** The body counts in fractions, `Retry-After` in whole seconds; an answer of the proxy in front has only the latter. */
function waitOf({ body, header }: RestFailure): number {
  const seconds = field(body, 'retry_after')
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0) return Math.ceil(seconds * 1000)
  return retryAfter(header('retry-after') ?? header('x-ratelimit-reset-after'))
}

function errorNumber(body: unknown): number | undefined {
  const code = field(body, 'code')
  return typeof code === 'number' && code > 0 ? code : undefined
}

/** `errors.content._errors[].code` is `BASE_TYPE_MAX_LENGTH`. */
function isTooLong(body: unknown): boolean {
  const listed = field(field(field(body, 'errors'), 'content'), '_errors')
  return Array.isArray(listed) && listed.some(error => field(error, 'code') === 'BASE_TYPE_MAX_LENGTH')
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}
