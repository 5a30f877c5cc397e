import type { Dispatcher } from 'undici'
import { LIMITS } from '../../generated/limits.js'
import { openScope } from '../bus/scope.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Dial } from '../transport/dial.js'

/** One call of an application. */
export interface AppCall {
  /** Name of the application, as configured. */
  readonly app: string
  readonly payload: string
  /** What the application learns beside the payload; header names without the `wgrok-` in front. */
  readonly about: Readonly<Record<string, string>>
  /** The same for every attempt at the same call. */
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

/** Options of {@link AppCaller}. */
export interface AppCallerOptions {
  /** How connections are made, through a proxy where there is one. */
  readonly dial: Dial
  /** How connections to this machine are made: never through a proxy. */
  readonly dialLocal: Dial
  readonly clock: Clock
}

const REDIRECTS_MAX = 3
const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * Calls the applications of Mode A: the payload is POSTed, the body of the answer is the answer.
 *
 * The URL comes from the configuration alone, and a redirect is followed only on the same origin, so that neither a
 * message nor an application can make the router talk to another host.
 */
export class AppCaller {
  #apps: ReadonlyMap<string, URL> = new Map()
  readonly #options: AppCallerOptions
  #agent: Promise<Dispatcher> | undefined

  constructor(options: AppCallerOptions) {
    this.#options = options
  }

  /** Takes the applications, name to URL, for every call from now on. */
  setApps(apps: Readonly<Record<string, string>>): void {
    this.#apps = new Map(Object.entries(apps).map(([name, url]) => [name, new URL(url)]))
  }

  /** Names of the applications. */
  get names(): ReadonlySet<string> {
    return new Set(this.#apps.keys())
  }

  /**
   * @returns the body of the answer as text.
   * @throws WgrokError `app-failed` for an answer that is no success, too large or no text, and when the application
   * cannot be reached; `timeout`; `aborted`. Never repeats what the application said.
   */
  async call(call: AppCall): Promise<string> {
    const url = this.#apps.get(call.app)
    if (url === undefined) throw new WgrokError('app-failed', `there is no application ${call.app}`)
    const scope = openScope([call.signal], { ms: LIMITS.appTimeout, clock: this.#options.clock, what: call.app })
    try {
      return await this.#follow(url, call, scope.signal)
    } catch (error) {
      // Anything else may name a host inside the router's network.
      if (error instanceof WgrokError && error.code === 'app-failed') throw error
      if (call.signal.aborted) throw WgrokError.from(call.signal.reason, 'aborted')
      if (scope.signal.aborted) {
        throw new WgrokError('timeout', `${call.app} did not answer within ${LIMITS.appTimeout} ms`, {
          retryable: false,
        })
      }
      throw new WgrokError('app-failed', `${call.app} cannot be reached`, { cause: error })
    } finally {
      scope.release()
    }
  }

  /** Ends every call. */
  async close(): Promise<void> {
    const agent = await this.#agent
    this.#agent = undefined
    await agent?.destroy()
  }

  async #follow(start: URL, call: AppCall, signal: AbortSignal): Promise<string> {
    const { request } = await import('undici')
    this.#agent ??= openAgent(this.#options)
    const dispatcher = await this.#agent
    let url = start
    for (let hops = 0; ; hops++) {
      const response = await request(url.href, {
        dispatcher,
        method: 'POST',
        headers: headersOf(call),
        body: call.payload,
        signal,
      })
      if (!REDIRECT_STATUSES.has(response.statusCode)) return readAnswer(response, call.app)
      await response.body.dump()
      url = redirected(url, response.headers['location'], call.app)
      if (hops >= REDIRECTS_MAX) throw new WgrokError('app-failed', `${call.app} redirects too often`)
    }
  }
}

async function openAgent({ dial, dialLocal }: AppCallerOptions): Promise<Dispatcher> {
  const { Agent } = await import('undici')
  return new Agent({
    connections: LIMITS.appConnections,
    pipelining: 1,
    maxResponseSize: LIMITS.appResponse,
    // The signal of the call bounds these; the defaults would cut off an application that thinks for long.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (target, done) => {
      const secure = target.protocol === 'https:'
      const host = target.hostname.replace(/^\[|\]$/g, '')
      const port = Number(target.port) || (secure ? 443 : 80)
      const connect = isLocal(host) ? dialLocal : dial
      connect({ host, port, secure, ...(secure ? { alpn: ['http/1.1'] } : {}) }).then(
        socket => done(null, socket as never),
        error => done(error, null),
      )
    },
  })
}

function headersOf(call: AppCall): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': isJson(call.payload) ? 'application/json; charset=utf-8' : 'text/plain; charset=utf-8',
    accept: 'text/plain, application/json;q=0.9, */*;q=0.1',
    'user-agent': 'wgrok',
    'idempotency-key': call.idempotencyKey,
    'wgrok-app': headerText(call.app),
  }
  for (const [name, value] of Object.entries(call.about)) headers[`wgrok-${name}`] = headerText(value)
  return headers
}

/** Slugs may hold any character; a header may not. */
function headerText(text: string): string {
  return encodeURI(Buffer.from(text, 'utf8').toString('utf8')).slice(0, 1_000)
}

function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function readAnswer(response: Dispatcher.ResponseData, app: string): Promise<string> {
  if (response.statusCode < 200 || response.statusCode > 299) {
    await response.body.dump()
    throw new WgrokError('app-failed', `${app} answered ${response.statusCode}`)
  }
  let bytes: ArrayBuffer
  try {
    bytes = await response.body.arrayBuffer()
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'UND_ERR_RES_EXCEEDED_MAX_SIZE') throw error
    throw new WgrokError('app-failed', `${app} answered with more than ${LIMITS.appResponse} bytes`, { cause: error })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new WgrokError('app-failed', `${app} answered with something that is no UTF-8 text`, { cause: error })
  }
}

function redirected(from: URL, location: string | string[] | undefined, app: string): URL {
  const target =
    typeof location === 'string' && URL.canParse(location, from.href) ? new URL(location, from.href) : undefined
  if (target === undefined) throw new WgrokError('app-failed', `${app} redirects to nowhere`)
  if (target.origin !== from.origin) throw new WgrokError('app-failed', `${app} redirects to another host`)
  return target
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host)
}
