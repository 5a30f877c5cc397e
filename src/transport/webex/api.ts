import type { RestCall } from '../../../generated/rest.js'
import { WgrokError } from '../../errors.js'
import type { Dial } from '../dial.js'
import { createRestClient, type RestFailure, type RestInput, retryAfter } from '../http.js'

/** Where Webex answers unless a base URL is given. */
export const WEBEX_API_URL = 'https://webexapis.com/v1'
/** Where the service catalog is. */
export const WEBEX_CATALOG_URL = 'https://u2c.wbx2.com/u2c/api/v1'
/** Fallback when the catalog cannot be read: right for accounts of the first region only. */
export const WEBEX_DEVICES_URL = 'https://wdm-a.wbx2.com/wdm/api/v1'

/** Options of {@link createWebexApi}. */
export interface WebexApiOptions {
  readonly dial: Dial
  /** Default {@link WEBEX_API_URL}. */
  readonly apiUrl?: string | undefined
}

/** Webex's REST services with one token: one attempt per call. */
export interface WebexApi {
  /** @throws WgrokError as the REST client does. */
  call<Params, Request, Reply>(
    operation: RestCall<Params, Request, Reply>,
    input: RestInput<Params, Request>,
  ): Promise<Reply>
  close(): Promise<void>
}

/** The REST services; nothing is connected before the first call. @param token sent as a Bearer header, never elsewhere */
export function createWebexApi(token: string, options: WebexApiOptions): WebexApi {
  const { dial, apiUrl = WEBEX_API_URL } = options
  return createRestClient({
    baseUrl: apiUrl.replace(/\/+$/, ''),
    headers: { authorization: `Bearer ${token}`, 'user-agent': 'wgrok' },
    dial,
    failure: webexFailure,
  })
}

/** Wait when Webex throttles without saying for how long, in ms: what its own clients take. */
const THROTTLED = 15_000
const EXCESS = 'too many devices are registered for this account'

/**
 * What an answer means beyond what its status says; undefined leaves it to the status. Texts of Webex's are not taken
 * over: they may quote what was sent.
 */
export function webexFailure({ operation, status, body, header }: RestFailure): WgrokError | undefined {
  const given = header('retry-after')
  if (status === 429 || (status === 423 && given !== undefined)) {
    const seconds = given === undefined || given.trim() === '' ? Number.NaN : Number(given)
    const retryAfterMs = Number.isFinite(seconds) && seconds >= 0 ? Math.max(1_000, retryAfter(given)) : THROTTLED
    return new WgrokError('rate-limited', `${operation} answered ${status}`, { retryAfterMs })
  }
  const message = (body as { readonly message?: unknown } | null | undefined)?.message
  if (typeof message === 'string' && /excessive device registrations/i.test(message)) {
    return new WgrokError('platform-rejected', `${operation}: ${EXCESS}`)
  }
  return undefined
}

/** Whether Webex refused to register another device because there are too many: it has no code for that. */
export function isExcess(error: unknown): boolean {
  return error instanceof WgrokError && error.message.endsWith(EXCESS)
}

/** The catalog's base URL: as configured, else on the host of a configured API, else Webex's own. */
export function catalogUrl(configured: string | undefined, apiUrl: string | undefined): string {
  if (configured !== undefined) return configured.replace(/\/+$/, '')
  return apiUrl === undefined ? WEBEX_CATALOG_URL : new URL('/u2c/api/v1', apiUrl).href
}
