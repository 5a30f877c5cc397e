import { hash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { WebhookAccepted, WebhookRequest } from '../../generated/models.js'
import { dispatchWebhookReceives, type Undecoded, type WebhookReceives } from '../../generated/stubs.js'
import { WgrokError } from '../errors.js'
import type { Outcome } from './arrival.js'
import { type RateLimit, REFUSED_COST } from './rate-limit.js'

/** A posted frame on its way into the pipeline. */
export interface Posted {
  readonly request: WebhookRequest
  /** Message id: the caller's `Idempotency-Key`, else one of our own. */
  readonly id: string
  /** Whether it is one of our own. */
  readonly freshId: boolean
  /** How long the caller wants to wait for the reply, in ms; undefined when he does not. */
  readonly waitMs: number | undefined
}

/** What became of a posted frame. */
export interface PostResult {
  readonly outcome: Outcome
  /** Frames of the reply, when the caller waited and it came. */
  readonly replies?: readonly string[] | undefined
}

/** Options of {@link addWebhook}. */
export interface WebhookOptions {
  readonly secret: string
  readonly post: (posted: Posted) => PostResult | Promise<PostResult>
}

/** Adds `POST /wgrok`. */
export function addWebhook(app: FastifyInstance, options: WebhookOptions, limit: RateLimit): void {
  const endpoint = new WebhookEndpoint(options.post, limit)
  const authorised = bearerCheck(options.secret)
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body as string))
    } catch {
      done(new WgrokError('body-invalid', 'the body is not JSON'))
    }
  })
  app.route({
    method: 'POST',
    url: '/wgrok',
    // Before a byte of the body is read.
    onRequest: (request, _reply, done) => {
      const caller = `ip:${request.ip}`
      limit.check(caller)
      if (authorised(request.headers.authorization)) return done()
      limit.charge(caller, REFUSED_COST)
      throw new WgrokError('auth-failed', 'a Bearer token is needed and has to be right')
    },
    handler: (request, reply) => {
      const answer = dispatchWebhookReceives(request.body, endpoint, { request, reply }, refuseBody)
      return answer instanceof Promise ? answer : reply.send(answer)
    },
  })
}

type Answer = WebhookAccepted | Promise<WebhookAccepted>

interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** The webhook channel of the spec. */
class WebhookEndpoint implements WebhookReceives<Exchange, Answer> {
  readonly #post: WebhookOptions['post']
  readonly #limit: RateLimit

  constructor(post: WebhookOptions['post'], limit: RateLimit) {
    this.#post = post
    this.#limit = limit
  }

  callerPost(request: WebhookRequest, { reply, request: http }: Exchange): Answer {
    this.#limit.take(`from:${request.from.toLowerCase()}`)
    const key = idempotencyKey(http.headers['idempotency-key'])
    const id = key ?? randomUUID()
    const seconds = waitSeconds(http.headers['prefer'])
    const waitMs = seconds === undefined ? undefined : seconds * 1000
    const result = this.#post({ request, id, freshId: key === undefined, waitMs })
    if (result instanceof Promise) return result.then(late => accepted(late, id, seconds, reply))
    return accepted(result, id, seconds, reply)
  }
}

function accepted(result: PostResult, id: string, seconds: number | undefined, reply: FastifyReply): WebhookAccepted {
  const { outcome, replies } = result
  if (outcome.status === 'refused') throw outcome.error
  const status = outcome.status === 'ignored' ? 'ignored' : 'accepted'
  reply.code(replies === undefined ? 202 : 200)
  if (replies === undefined) return { status, id }
  reply.header('preference-applied', `wait=${seconds}`)
  return { status, id, replies: [...replies] }
}

function refuseBody(undecoded: Undecoded): never {
  const first = undecoded.operation === 'invalid' ? undecoded.errors[0] : undefined
  const where = first === undefined ? '' : ` at ${first.instancePath || '/'}: ${first.message}`
  throw new WgrokError('body-invalid', `the body does not match its schema${where}`)
}

/** Compares digests, so that neither time nor length tells anything about the secret. */
function bearerCheck(secret: string): (header: string | undefined) => boolean {
  const wanted = digest(secret)
  return header => {
    const token = /^Bearer +(\S.*)$/i.exec(header ?? '')?.[1] ?? ''
    return timingSafeEqual(digest(token), wanted) && token !== ''
  }
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

function idempotencyKey(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header) ? header : undefined
}

/** `Prefer: wait=N`, RFC 7240. */
function waitSeconds(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined
  const text = Array.isArray(header) ? header.join(',') : header
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,4})"?\s*(?=$|[,;])/i.exec(text)?.[1]
  return seconds === undefined ? undefined : Number(seconds)
}
