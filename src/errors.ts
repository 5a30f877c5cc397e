import { ERRORS, type ErrorCode } from '../generated/errors.js'

export type { ErrorCode } from '../generated/errors.js'

/** Options of a {@link WgrokError}. */
export interface WgrokErrorOptions {
  /** What was caught. Kept for debugging; its text never becomes part of the message. */
  readonly cause?: unknown
  /** Whether the same call may succeed later. Default: what the error registry says for the code. */
  readonly retryable?: boolean
  /** How long the platform asked to wait before the next try, in ms. */
  readonly retryAfterMs?: number
  /** What has to wait meanwhile. Default `account`. */
  readonly retryScope?: RetryScope
}

/** What a platform asks to leave alone for a while: everything of the account, or one destination. */
export type RetryScope = 'account' | 'destination'

/**
 * The only error that this library throws. `code` is closed and listed in the spec; the message is `[code] detail`.
 *
 * The detail names the field or the limit and never repeats a payload, token or key.
 */
export class WgrokError extends Error {
  override readonly name = 'WgrokError'
  readonly code: ErrorCode
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** The HTTP status that says the same. */
  readonly status: number
  /** How long the platform asked to wait before the next try, in ms; undefined where it did not say. */
  readonly retryAfterMs: number | undefined
  /** What has to wait meanwhile. */
  readonly retryScope: RetryScope

  constructor(code: ErrorCode, detail: string, options: WgrokErrorOptions = {}) {
    super(`[${code}] ${detail}`, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? ERRORS[code].retryable
    this.status = ERRORS[code].status
    this.retryAfterMs = options.retryAfterMs
    this.retryScope = options.retryScope ?? 'account'
  }

  /**
   * Turns anything caught into a {@link WgrokError}; one that already is one comes back as it is.
   *
   * An aborted signal becomes `aborted`, a timed-out one `timeout`, all else `fallbackCode`. Foreign messages may quote
   * what was parsed, so only name, code and socket address are taken over; the original is the `cause`.
   */
  static from(error: unknown, fallbackCode: ErrorCode = 'internal'): WgrokError {
    if (error instanceof WgrokError) return error
    return new WgrokError(codeFor(error, fallbackCode), describe(error), { cause: error })
  }
}

interface Described {
  readonly name?: unknown
  readonly code?: unknown
  readonly syscall?: unknown
  readonly address?: unknown
  readonly port?: unknown
  readonly cause?: unknown
}

function codeFor(error: unknown, fallbackCode: ErrorCode): ErrorCode {
  const name = isObject(error) ? error.name : undefined
  if (name === 'AbortError') return 'aborted'
  if (name === 'TimeoutError') return 'timeout'
  return fallbackCode
}

function describe(error: unknown): string {
  if (!isObject(error)) return typeof error
  // fetch and undici wrap the socket error that says what happened.
  const cause = isObject(error.cause) && typeof error.cause.syscall === 'string' ? error.cause : error
  if (typeof cause.syscall === 'string') {
    const at = typeof cause.address === 'string' ? ` ${cause.address}${cause.port ? `:${cause.port}` : ''}` : ''
    return `${cause.syscall} ${String(cause.code)}${at}`
  }
  const name = typeof error.name === 'string' ? error.name : 'object'
  return typeof error.code === 'string' ? `${name} ${error.code}` : name
}

function isObject(value: unknown): value is Described {
  return typeof value === 'object' && value !== null
}
