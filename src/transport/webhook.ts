import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'

/** A webhook request as the HTTP server hands it over. */
export interface WebhookCall {
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The body, byte for byte: signatures are over it. */
  readonly rawBody: Buffer
}

/** What to answer. */
export interface WebhookAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A platform's HTTP endpoint. */
export interface Webhook {
  /** Never rejects: what is wrong becomes a status. */
  handle(call: WebhookCall): Promise<WebhookAnswer>
}

/** How far the clock of a signed request may be off, in ms, either way. */
const TOLERANCE = 5 * 60_000
/** Longer than any signature with a timestamp holds: how long one has to be remembered against replay, in ms. */
export const REPLAY_TTL: number = 2 * TOLERANCE
/** Slack and Discord give up after 3 s; a refusal before that makes Slack try again. In ms. */
export const ANSWER_WITHIN = 2_500

/** A header that came once; undefined where it came more often. */
export function single(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined
}

/** @throws WgrokError `body-too-large` */
export function assertSize({ rawBody }: WebhookCall, bodyMax: number): void {
  if (rawBody.length > bodyMax) throw new WgrokError('body-too-large', `limit is ${bodyMax} bytes`)
}

/**
 * Whether the signature that came is the right one, in constant time. Its length is no secret.
 *
 * @throws WgrokError `auth-failed`
 */
export function assertSignature(given: string | undefined, right: string): void {
  const [one, other] = [Buffer.from(given ?? '', 'latin1'), Buffer.from(right, 'latin1')]
  if (one.length === other.length && timingSafeEqual(one, other)) return
  throw new WgrokError('auth-failed', one.length === 0 ? 'the request is not signed' : 'the signature is wrong')
}

/** @param seconds since 1970 @throws WgrokError `auth-failed` for a time that is too far from now, before or after */
export function assertRecent(seconds: string, now: number): void {
  if (Math.abs(now - Number(seconds) * 1000) <= TOLERANCE) return
  throw new WgrokError('auth-failed', 'the signature is more than five minutes off')
}

/** The result of `work`; undefined when it takes longer than `ms`. What it rejects with comes through. */
export async function inTime<T>(
  work: Promise<T>,
  clock: Clock,
  ms: number = ANSWER_WITHIN,
): Promise<{ readonly value: T } | undefined> {
  let timer: Timer | undefined
  const late = new Promise<undefined>(resolve => {
    timer = clock.setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([work.then(value => ({ value })), late])
  } finally {
    timer?.cancel()
  }
}

/** The refusal that follows when {@link inTime} had to give up. */
export function tooLate(ms: number = ANSWER_WITHIN): WgrokError {
  return new WgrokError('timeout', `not accepted within ${ms} ms`)
}

/** An answer in JSON. */
export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): WebhookAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

/** The value that a JSON text stands for; undefined for any other text. */
export function parse(text: string | Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch {
    return undefined
  }
}
