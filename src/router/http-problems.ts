import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LIMITS } from '../../generated/limits.js'
import type { Problem } from '../../generated/models.js'
import { type ErrorCode, WgrokError } from '../errors.js'
import type { Logger } from '../log.js'

/** Statuses that fastify itself gives, as codes of the error registry. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'body-invalid',
  404: 'path-unknown',
  408: 'timeout',
  413: 'body-too-large',
  415: 'media-type-unsupported',
}

/** Makes every failure an `application/problem+json` (RFC 9457) with a code of the error registry. */
export function answerProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((caught: FastifyError, request, reply) => {
    const error = asWgrokError(caught)
    const fields = { requestId: request.id, code: error.code, path: request.routeOptions.url }
    if (error.status >= 500) logger.error('request failed', { ...fields, error })
    else logger.warn('request refused', fields)
    return sendProblem(request, reply, error)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new WgrokError('path-unknown', 'no such path')),
  )
}

function asWgrokError(caught: FastifyError): WgrokError {
  const code = CODES[caught.statusCode ?? 500]
  if (caught instanceof WgrokError || code === undefined) return WgrokError.from(caught)
  return new WgrokError(
    code,
    code === 'body-too-large' ? `limit is ${LIMITS.webhookBody} bytes` : 'the body was refused',
  )
}

function sendProblem(request: FastifyRequest, reply: FastifyReply, error: WgrokError): FastifyReply {
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message.replace(/^\[[^\]]*\] /, ''),
    instance: request.id,
  }
  if (error.status === 401) reply.header('www-authenticate', 'Bearer')
  if (error.retryAfterMs !== undefined) reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)))
  return reply.code(error.status).type('application/problem+json').send(JSON.stringify(problem))
}
