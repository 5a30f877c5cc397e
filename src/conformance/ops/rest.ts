import { isPlatform } from '../../../generated/models.js'
import { WgrokError } from '../../errors.js'
import { silent } from '../../log.js'
import type { Card } from '../../protocol.js'
import { type EmulatedRequest, type EmulatedResponse, startEmulatorServer } from '../../testing/http-server.js'
import { parseAddress } from '../../transport/address.js'
import { openTransport } from '../../transport/open.js'
import { retry } from '../../transport/retry.js'
import { count, records, text } from '../input.js'
import type { Input, Operation } from '../testee.js'
import { notedClock } from './noted-clock.js'

/** Platforms as their REST API sees a client. */
export const REST_OPS: Readonly<Record<string, Operation>> = {
  'rest.send': send,
}

/**
 * Posts a message `{platform, target, text, cards?}` into a list of answers `{status, retryAfter?, body}`, over HTTP.
 *
 * Answers with the `requests` (path, scheme of the authorization, body), the number of `attempts`, the `waits` between
 * them in ms, and the platform's `response`, or the code of the `error`.
 */
async function send(input: Input): Promise<unknown> {
  const { platform } = input
  if (typeof platform !== 'string' || !isPlatform(platform)) throw new TypeError('case input: platform is none')
  const answers = [...records(input, 'answers')]
  const requests: unknown[] = []
  const server = await startEmulatorServer({
    request: request => {
      requests.push(seen(request))
      return answerOf(answers.shift())
    },
  })
  const transport = await openTransport(platform, 'token', {
    role: 'peer',
    apiUrl: `${server.url}${BASES[platform] ?? ''}`,
    logger: silent,
  })
  const waits: number[] = []
  const message = {
    text: text(input, 'text'),
    ...(input['cards'] === undefined ? {} : { cards: records(input, 'cards') as Card[] }),
  }
  const options = { signal: new AbortController().signal, idempotencyKey: 'case' }
  const to = parseAddress(text(input, 'target'), platform)
  try {
    const outcome = await retry(() => transport.send(to, message, options), {
      clock: notedClock(waits),
      random: () => 0.5,
    })
      .then(({ platformResponse }) => ({ response: platformResponse }))
      .catch((error: unknown) => ({ error: codeOf(error) }))
    return { requests, attempts: requests.length, waits, ...outcome }
  } finally {
    await transport.close()
    await server.close()
  }
}

/** What stands before the methods in the address of an API. */
const BASES: Readonly<Record<string, string>> = { slack: '/api', webex: '/v1', discord: '/api/v10' }

function seen({ method, path, headers, body }: EmulatedRequest): unknown {
  return {
    method,
    path,
    scheme: headers.authorization?.split(' ')[0] ?? null,
    body: JSON.parse(body.toString('utf8') || 'null'),
  }
}

function answerOf(answer: Input | undefined): EmulatedResponse {
  // One attempt too many: the case counts them.
  if (answer === undefined) return { status: 418, json: {} }
  const { retryAfter, body } = answer
  return {
    status: count(answer, 'status') ?? 200,
    json: body,
    ...(retryAfter === undefined ? {} : { headers: { 'retry-after': String(retryAfter) } }),
  }
}

/** A crash is the testee's, not the platform's. */
function codeOf(error: unknown): string {
  if (error instanceof WgrokError) return error.code
  throw error
}
