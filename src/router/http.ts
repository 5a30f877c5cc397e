import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { LIMITS } from '../../generated/limits.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import type { Webhook } from '../transport/webhook.js'
import { answerProblems } from './http-problems.js'
import type { Metrics } from './metrics.js'
import { RateLimit, REFUSED_COST } from './rate-limit.js'
import type { Readiness } from './status.js'
import { addWebhook, type WebhookOptions } from './webhook.js'

/** Options of {@link openHttp}. */
export interface HttpOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly logger: Logger
  readonly clock: Clock
  /** How long a client may take for a whole request, in ms: a body that trickles in is cut off. Default 30,000. */
  readonly requestTimeout?: number
  readonly readiness: () => Promise<Readiness>
  readonly metrics: Metrics
  /** `POST /wgrok`; off unless given. */
  readonly webhook?: WebhookOptions
  /** `POST /webhooks/{name}`, by name. They check signatures themselves and never reject. */
  readonly hooks?: ReadonlyMap<string, Webhook>
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

const REQUEST_TIMEOUT = 30_000
/** How long a client may take for the head of a request, in ms. */
const HEAD_TIMEOUT = 10_000
/** How long a connection may be idle between requests, in ms. */
const IDLE_TIMEOUT = 5_000
/** How often Node looks for requests that take too long, in ms. */
const CHECK_INTERVAL = 1_000

/**
 * Opens the HTTP server; fastify is loaded here and not before.
 *
 * @throws WgrokError `config-invalid` when the port is taken or not for us, `platform-unavailable` otherwise.
 */
export async function openHttp(options: HttpOptions): Promise<HttpServer> {
  const { fastify } = await import('fastify')
  const limit = new RateLimit(LIMITS.webhookRate, options.clock)
  const app = fastify({
    bodyLimit: LIMITS.webhookBody,
    requestTimeout: options.requestTimeout ?? REQUEST_TIMEOUT,
    keepAliveTimeout: IDLE_TIMEOUT,
    forceCloseConnections: true,
    http: {
      connectionsCheckingInterval: CHECK_INTERVAL,
      headersTimeout: Math.min(HEAD_TIMEOUT, options.requestTimeout ?? REQUEST_TIMEOUT),
    },
    genReqId: request => requestId(request.headers['x-request-id']),
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  answerProblems(app, options.logger)
  // Every type but JSON gets 415, plain text too.
  app.removeAllContentTypeParsers()
  addHealth(app, options)
  const { hooks, webhook } = options
  if (webhook !== undefined) await app.register(async scope => addWebhook(scope, webhook, limit))
  if (hooks !== undefined) await app.register(async scope => addHooks(scope, hooks, limit))
  addUpgrade(app.server, options.upgrade)
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    await app.close()
    throw listenError(error, options)
  }
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

function listenError(cause: unknown, { host, port }: HttpOptions): WgrokError {
  const code = (cause as NodeJS.ErrnoException | null)?.code
  const problem = code === 'EADDRINUSE' ? 'is taken' : code === 'EACCES' ? 'needs more rights' : undefined
  if (problem === undefined) return WgrokError.from(cause, 'platform-unavailable')
  const variables = 'WGROK_WEBHOOK_PORT or, without a webhook, WGROK_BRIDGE_PORT'
  return new WgrokError('config-invalid', `port ${port} on ${host} ${problem}: set ${variables}`, { cause })
}

/** Alive, able to work, and how well. None of them tells slugs, addresses or content. */
function addHealth(app: FastifyInstance, { metrics, readiness }: HttpOptions): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const answer = await readiness()
    return reply.code(answer.ready ? 200 : 503).send(answer)
  })
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()))
}

function addHooks(app: FastifyInstance, hooks: NonNullable<HttpOptions['hooks']>, limit: RateLimit): void {
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  for (const [name, webhook] of hooks) {
    app.post(`/webhooks/${name}`, async (request: FastifyRequest, reply) => {
      const rawBody = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
      const answer = await webhook.handle({ headers: request.headers, rawBody })
      // Behind a proxy all have one address: who cannot sign is held up soon, and a platform that signs never.
      if (answer.status === 401 || answer.status === 403) {
        const caller = `hook:${name}:${request.ip}`
        limit.check(caller)
        limit.charge(caller, REFUSED_COST)
      }
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body ?? '')
    })
  }
}

function addUpgrade(server: Server, upgrade: HttpOptions['upgrade']): void {
  server.on('upgrade', (request, socket, head) => {
    if (upgrade?.(request, socket, head) === true) return
    socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  })
}

function requestId(header: string | string[] | undefined): string {
  return typeof header === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(header) ? header : randomUUID()
}
