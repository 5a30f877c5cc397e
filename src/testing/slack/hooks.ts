import { createHmac } from 'node:crypto'
import { request } from 'undici'
import type { Clock, Timer } from '../../clock.js'
import type { EmulatedSlackApp } from './workspace.js'

/** How the Events API over HTTP behaves; may be changed at any time. */
export interface HookBehaviour {
  /** Waits before each repetition, in ms. Slack: at once, one minute, five minutes. */
  retryDelaysMs: readonly number[]
  /** Time for an answer, in ms. Slack: 3,000. */
  timeoutMs: number
}

/** One delivery to a request URL. */
export interface RecordedHook {
  readonly app: string
  readonly eventId: string | undefined
  readonly retry: number
  /** 0: no answer. */
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** The headers that Slack signs a body with. @param seconds time of the signature, in s since 1970 */
export function signSlack(secret: string, body: string, seconds: number): Readonly<Record<string, string>> {
  const digest = createHmac('sha256', secret).update(`v0:${seconds}:${body}`).digest('hex')
  return { 'x-slack-request-timestamp': String(seconds), 'x-slack-signature': `v0=${digest}` }
}

/** Posts events and commands to request URLs, signed, repeated until they are taken. */
export class Hooks {
  readonly deliveries: RecordedHook[] = []
  /** Events that were given up, by event id. */
  readonly lost: string[] = []
  readonly #clock: Clock
  readonly #behaviour: HookBehaviour
  readonly #timers = new Set<Timer>()
  readonly #closing = new AbortController()

  constructor(clock: Clock, behaviour: HookBehaviour) {
    this.#clock = clock
    this.#behaviour = behaviour
  }

  /** Posts a JSON payload until it is taken. Resolves after the first attempt. */
  async event(app: EmulatedSlackApp, payload: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#attempt(app, payload, 0, '')
  }

  /** Posts once and returns the answer. Commands and buttons are not repeated. */
  post(
    app: EmulatedSlackApp,
    body: string,
    type: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<RecordedHook> {
    const signed = signSlack(app.signingSecret, body, Math.floor(this.#clock.now() / 1000))
    return this.#post(app, body, { 'content-type': type, ...signed, ...more })
  }

  close(): void {
    this.#closing.abort()
    for (const timer of this.#timers) timer.cancel()
  }

  async #attempt(
    app: EmulatedSlackApp,
    payload: Readonly<Record<string, unknown>>,
    retry: number,
    reason: string,
  ): Promise<void> {
    const repeated = retry === 0 ? {} : { 'x-slack-retry-num': String(retry), 'x-slack-retry-reason': reason }
    const answer = await this.post(app, JSON.stringify(payload), 'application/json', repeated)
    if (answer.status >= 200 && answer.status < 300) return
    const delay = this.#behaviour.retryDelaysMs[retry]
    if (delay === undefined || answer.headers['x-slack-no-retry'] === '1') {
      this.lost.push(String(payload['event_id']))
      return
    }
    if (this.#closing.signal.aborted) return
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      void this.#attempt(app, payload, retry + 1, answer.status === 0 ? 'http_timeout' : 'http_error')
    }, delay)
    this.#timers.add(timer)
  }

  async #post(app: EmulatedSlackApp, body: string, headers: Readonly<Record<string, string>>): Promise<RecordedHook> {
    const { url, eventId, retry } = {
      url: app.requestUrl ?? '',
      eventId: /"event_id":"([^"]+)"/.exec(body)?.[1],
      retry: Number(headers['x-slack-retry-num'] ?? 0),
    }
    const common = { app: app.name, eventId, retry }
    let recorded: RecordedHook = { ...common, status: 0, body: '', headers: {} }
    try {
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#behaviour.timeoutMs)])
      const answer = await request(url, { method: 'POST', body, headers, signal })
      const flat = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
      recorded = {
        ...common,
        status: answer.statusCode,
        body: await answer.body.text(),
        headers: Object.fromEntries(flat),
      }
    } catch {
      // No answer in time, or none at all.
    }
    this.deliveries.push(recorded)
    return recorded
  }
}
