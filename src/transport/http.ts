import { Agent, request } from 'undici'
import type { RestCall } from '../../generated/rest.js'
import { WgrokError } from '../errors.js'
import type { Dial } from './dial.js'

/** An answer that is not a success, for {@link RestOptions.failure} to name. */
export interface RestFailure {
  readonly operation: string
  readonly status: number
  /** Parsed JSON, or undefined where the body was none. */
  readonly body: unknown
  readonly header: (name: string) => string | undefined
}

/** Options of {@link createRestClient}. */
export interface RestOptions {
  /** Base URL without a trailing slash; operations' paths are appended to it. */
  readonly baseUrl: string
  /** Sent with every request: authorization, user agent. */
  readonly headers: Readonly<Record<string, string>>
  readonly dial: Dial
  /** What a failure means on this platform; undefined leaves it to {@link restFailure}. */
  readonly failure?: (failure: RestFailure) => WgrokError | undefined
  /** Sees every answer's headers, for rate-limit budgets. */
  readonly observe?: (operation: string, header: (name: string) => string | undefined) => void
  /** Time for the answer's head and for each gap in its body, in ms. Default 30,000. */
  readonly timeoutMs?: number
}

/** Input of one call. */
export interface RestInput<Params, Request> {
  readonly params: Params
  /** Sent as JSON. */
  readonly body?: Request
  /** Instead of base URL and path, for URLs that the platform handed out. */
  readonly url?: string
  readonly signal?: AbortSignal
}

/** Calls a platform's REST operations: one attempt each, typed and validated; retrying is up to the caller. */
export interface RestClient {
  /**
   * @throws WgrokError `rate-limited` with `retryAfterMs` on 429, `platform-unavailable` on 5xx, connection errors and
   * answers that are no JSON, `auth-failed` on 401, `forbidden` on 403, `target-not-found` on 404,
   * `platform-rejected` on other 4xx and on an answer that does not match the spec, `aborted` and `timeout`.
   */
  call<Params, Request, Reply>(
    operation: RestCall<Params, Request, Reply>,
    input: RestInput<Params, Request>,
  ): Promise<Reply>
  close(): Promise<void>
}

const TIMEOUT = 30_000
/** No platform answers with more; a larger body is an attack or a mistake. */
const RESPONSE_MAX = 8 * 1024 * 1024

/** A REST client with its own connection pool. */
export function createRestClient(options: RestOptions): RestClient {
  const timeout = options.timeoutMs ?? TIMEOUT
  const agent = new Agent({
    headersTimeout: timeout,
    bodyTimeout: timeout,
    maxResponseSize: RESPONSE_MAX,
    connect: (target, done) => {
      const secure = target.protocol === 'https:'
      const port = target.port === '' || target.port === undefined ? (secure ? 443 : 80) : Number(target.port)
      options.dial({ host: bare(target.hostname), port, secure, ...(secure ? { alpn: ['http/1.1'] } : {}) }).then(
        socket => done(null, socket as never),
        error => done(error, null),
      )
    },
  })
  return {
    async call(operation, input) {
      const url = input.url ?? options.baseUrl + operation.path(input.params)
      const hasBody = input.body !== undefined
      const response = await request(url, {
        dispatcher: agent,
        method: operation.method,
        headers: hasBody ? { ...options.headers, 'content-type': 'application/json; charset=utf-8' } : options.headers,
        body: hasBody ? JSON.stringify(input.body) : null,
        signal: input.signal ?? null,
      }).catch(error => {
        throw requestError(error)
      })
      const header = (name: string): string | undefined => {
        const value = response.headers[name]
        return typeof value === 'string' ? value : value?.[0]
      }
      options.observe?.(operation.id, header)
      const text = await response.body.text().catch(error => {
        throw requestError(error)
      })
      const body = parse(text)
      if (response.statusCode < 200 || response.statusCode > 299) {
        const failure = { operation: operation.id, status: response.statusCode, body, header }
        throw options.failure?.(failure) ?? restFailure(failure)
      }
      if (body === undefined && text !== '') {
        throw new WgrokError('platform-unavailable', `${operation.id}: the answer is not JSON`)
      }
      if (!operation.reply(body)) {
        throw new WgrokError('platform-rejected', `${operation.id}: the answer does not match the spec`)
      }
      return body
    },
    close: () => agent.destroy(),
  }
}

/** What a status means on any platform. */
export function restFailure({ operation, status, header }: RestFailure): WgrokError {
  const detail = `${operation} answered ${status}`
  if (status === 401) return new WgrokError('auth-failed', detail)
  if (status === 403) return new WgrokError('forbidden', detail)
  if (status === 404) return new WgrokError('target-not-found', detail)
  if (status === 429) {
    return new WgrokError('rate-limited', detail, { retryAfterMs: retryAfter(header('retry-after')) })
  }
  if (status >= 500) return new WgrokError('platform-unavailable', detail)
  return new WgrokError('platform-rejected', detail)
}

/** Milliseconds of a `Retry-After` in seconds; 1,000 where it is missing or malformed. */
export function retryAfter(value: string | undefined): number {
  const seconds = value === undefined ? Number.NaN : Number(value)
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1000) : 1000
}

function requestError(error: unknown): WgrokError {
  // Whoever aborts hands the reason over; a connection error comes from dial as it is.
  const cause = error instanceof Error && error.cause instanceof WgrokError ? error.cause : error
  const code = (error as { readonly code?: unknown } | null)?.code
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    return new WgrokError('timeout', 'the platform did not answer in time', { cause: error })
  }
  return WgrokError.from(cause, 'platform-unavailable')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** undici hands IPv6 hosts over in brackets. */
function bare(host: string): string {
  return host.startsWith('[') ? host.slice(1, -1) : host
}
