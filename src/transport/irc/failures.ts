import { type ErrorCode, type RetryScope, WgrokError } from '../../errors.js'

interface Failure {
  readonly code: ErrorCode
  readonly detail: string
  readonly retryable?: boolean
  readonly retryAfterMs?: number
  readonly retryScope?: RetryScope
}

/** What the server says instead of passing a message on or letting us into a channel. */
const NUMERICS: Readonly<Record<string, Failure>> = {
  '263': { code: 'rate-limited', detail: 'the server is busy (263)' },
  '401': { code: 'target-not-found', detail: 'nobody has this nick (401)' },
  '402': { code: 'target-not-found', detail: 'there is no such server (402)' },
  '403': { code: 'target-not-found', detail: 'there is no such channel (403)' },
  '404': { code: 'forbidden', detail: 'the channel does not let us speak (404)' },
  '405': { code: 'forbidden', detail: 'we are in as many channels as the server allows (405)' },
  '407': { code: 'target-invalid', detail: 'the target names too many recipients (407)' },
  '411': { code: 'target-invalid', detail: 'the server saw no recipient (411)' },
  '412': { code: 'platform-rejected', detail: 'the server saw no text (412)' },
  '417': { code: 'frame-too-large', detail: 'the line is too long for the server (417)' },
  '437': { code: 'platform-unavailable', detail: 'the nick or channel is blocked for a while (437)' },
  '439': {
    code: 'rate-limited',
    detail: 'too many targets in a short time (439)',
    retryAfterMs: 60_000,
    retryScope: 'destination',
  },
  '442': { code: 'forbidden', detail: 'we are not in the channel (442)' },
  '471': { code: 'forbidden', detail: 'the channel is full (471)', retryable: true },
  '473': { code: 'forbidden', detail: 'the channel is for invited users (473)' },
  '474': { code: 'forbidden', detail: 'we are banned from the channel (474)' },
  '475': { code: 'forbidden', detail: 'the channel has a key (475)' },
  '476': { code: 'target-invalid', detail: 'the server does not allow such a channel name (476)' },
  '477': { code: 'forbidden', detail: 'only registered nicks may do that (477)' },
  '486': { code: 'forbidden', detail: 'the recipient hears registered nicks only (486)' },
  '489': { code: 'forbidden', detail: 'the channel is for TLS connections only (489)' },
  '531': { code: 'forbidden', detail: 'the recipient does not let us speak (531)' },
  '716': { code: 'forbidden', detail: 'the recipient does not let us speak (716)' },
}

/** Numerics without a target: they answer whatever was sent last. */
const WITHOUT_TARGET: ReadonlySet<string> = new Set(['411', '412', '417'])

/** The error that a numeric reply means; undefined for one that is no failure of a message or a JOIN. */
export function failureOf(numeric: string): WgrokError | undefined {
  if (!Object.hasOwn(NUMERICS, numeric)) return undefined
  const { code, detail, ...options } = NUMERICS[numeric] as Failure
  return new WgrokError(code, detail, options)
}

/** Whether the numeric names the target that it is about as its second parameter. */
export function namesTarget(numeric: string): boolean {
  return !WITHOUT_TARGET.has(numeric)
}

/**
 * What `ERROR :reason` means before the server hangs up. The reason itself is not repeated: servers quote users in it.
 */
export function farewell(reason: string): WgrokError {
  if (/bad password|invalid password|password (?:incorrect|mismatch)|access denied/i.test(reason)) {
    return new WgrokError('auth-failed', 'the server refused the password')
  }
  // "Excess Flood" and friends are also a reason to come back slower.
  if (/flood|recvq|sendq|throttl|too (?:fast|many|long)|reconnect/i.test(reason)) {
    return new WgrokError('rate-limited', 'the server hung up: too much or too fast')
  }
  if (/\b[kgz][-:]?lined?\b|banned|akill/i.test(reason)) {
    return new WgrokError('forbidden', 'the server has banned us')
  }
  return new WgrokError('connection-lost', 'the server hung up')
}
