import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LIMITS } from '../../generated/limits.js'
import type { Problem, WebhookAccepted, WebhookRequest } from '../../generated/models.js'
import { dispatchWebhookReceives, type Undecoded, type WebhookReceives } from '../../generated/stubs.js'
import { type ErrorCode, WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Outcome } from './arrival.js'

/** A posted frame on its way into the pipeline. */
export interface Posted {
  readonly request: WebhookRequest
  /** Message id: the caller's `Idempotency-Key`, else one of our own. */
  readonly id: string
}

/** Options of {@link openHttp}. */
export interface HttpOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly logger: Logger
  /** `POST /wgrok`; off unless given. */
  readonly webhook?: { readonly secret: string; readonly post: (posted: Posted) => Outcome | Promise<Outcome> }
  /** Takes over WebSocket upgrades; false when the path is none of its own. Off unless given. */
  readonly upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean
}

/** The router's HTTP server. */
export interface HttpServer {
  /** The port that it really listens on. */
  readonly port: number
  /** Idempotent. Ends requests and idle connections. */
  close(): Promise<void>
}

/** How long a client may take for a whole request, in ms. */
const REQUEST_TIMEOUT = 30_000
/** How long a connection may be idle between requests, in ms. */
const IDLE_TIMEOUT = 5_000

/** HTTP statuses that fastify itself gives, as codes of the error registry. */
const STATUS_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'body-invalid',
  404: 'path-unknown',
  408: 'timeout',
  413: 'body-too-large',
  415: 'media-type-unsupported',
}

/**
 * Opens the HTTP server; fastify is loaded here and not before.
 *
 * @throws WgrokError `platform-unavailable` when the port cannot be had.
 */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const { fastify } = await import('fastify')
  const app = fastify({
    bodyLimit: LIMITS.webhookBody,
    requestTimeout: REQUEST_TIMEOUT,
    keepAliveTimeout: IDLE_TIMEOUT,
    forceCloseConnections: true,
    genReqId: request => requestId(request.headers['x-request-id']),
  })
  app.addHook('onRequest', async (request, reply) => void reply.header('x-request-id', request.id))
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(request, reply, error, options.logger))
  app.setNotFoundHandler((request, reply) =>
    answerProblem(request, reply, new WgrokError('path-unknown', 'no such path')),
  )
  readJsonOnly(app)
  app.get('/healthz', async () => ({ status: 'ok' }))
  if (options.webhook !== undefined) addWebhook(app, options.webhook)
  addUpgrade(app.server, options.upgrade)
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    await app.close()
    throw WgrokError.from(error, 'platform-unavailable')
  }
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

/** Any other type gets 415, plain text too. */
function readJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, JSON.parse(body as string))
    } catch {
      done(new WgrokError('body-invalid', 'the body is not JSON'))
    }
  })
}

function addWebhook(app: FastifyInstance, webhook: NonNullable<HttpOptions['webhook']>): void {
  const endpoint = new WebhookEndpoint(webhook.post)
  const authorised = bearerCheck(webhook.secret)
  app.route({
    method: 'POST',
    url: '/wgrok',
    // Before a byte of the body is read.
    onRequest: async request => {
      if (!authorised(request.headers.authorization)) {
        throw new WgrokError('auth-failed', 'a Bearer token is needed and has to be right')
      }
    },
    handler: async (request, reply) => {
      const answer = await dispatchWebhookReceives(request.body, endpoint, request, refuseBody)
      return reply.code(202).send(answer)
    },
  })
}

/** The webhook channel of the spec. */
class WebhookEndpoint implements WebhookReceives<FastifyRequest, Promise<WebhookAccepted>> {
  readonly #post: NonNullable<HttpOptions['webhook']>['post']

  constructor(post: NonNullable<HttpOptions['webhook']>['post']) {
    this.#post = post
  }

  async callerPost(request: WebhookRequest, context: FastifyRequest): Promise<WebhookAccepted> {
    const id = idempotencyKey(context.headers['idempotency-key'])
    const outcome = await this.#post({ request, id })
    if (outcome.status === 'refused') throw outcome.error
    return { status: outcome.status === 'ignored' ? 'ignored' : 'accepted', id }
  }
}

async function refuseBody(undecoded: Undecoded): Promise<never> {
  const first = undecoded.operation === 'invalid' ? undecoded.errors[0] : undefined
  const where =
    first === undefined ? '' : ` at ${first.instancePath === '' ? '/' : first.instancePath}: ${first.message}`
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
  return createHash('sha256').update(text).digest()
}

function idempotencyKey(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header) ? header : randomUUID()
}

function requestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : randomUUID()
}

function addUpgrade(server: Server, upgrade: HttpOptions['upgrade']): void {
  server.on('upgrade', (request, socket, head) => {
    if (upgrade?.(request, socket, head) === true) return
    socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  })
}

function answerError(request: FastifyRequest, reply: FastifyReply, caught: FastifyError, logger: Logger): FastifyReply {
  const status = caught.statusCode ?? 500
  const code = STATUS_CODES[status]
  const error =
    caught instanceof WgrokError || code === undefined
      ? WgrokError.from(caught)
      : new WgrokError(
          code,
          code === 'body-too-large' ? `limit is ${LIMITS.webhookBody} bytes` : 'the body was refused',
        )
  if (error.status >= 500) logger.error('request failed', { requestId: request.id, code: error.code, error })
  else logger.warn('request refused', { requestId: request.id, code: error.code, path: request.routeOptions.url })
  return answerProblem(request, reply, error)
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
}

function answerProblem(request: FastifyRequest, reply: FastifyReply, error: WgrokError): FastifyReply {
  const problem: Problem = {
    type: 'about:blank',
    title: TITLES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message.replace(/^\[[^\]]*\] /, ''),
    instance: request.id,
  }
  if (error.status === 401) reply.header('www-authenticate', 'Bearer')
  if (error.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)))
  return reply.code(error.status).type('application/problem+json').send(JSON.stringify(problem))
}
