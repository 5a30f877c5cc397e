import { WgrokError } from '../../errors.js'

/** How one gateway connection ended. */
export type Ending =
  /** It closed: a code of Discord's, or 1006 for a connection that broke. */
  | { readonly how: 'closed'; readonly code: number }
  /** Op 7: Discord wants us on another connection. */
  | { readonly how: 'reconnect' }
  /** Op 9: the session cannot be taken up, or not yet. */
  | { readonly how: 'invalid'; readonly resumable: boolean }
  /** No HELLO, no READY, or no answer to a heartbeat in time. */
  | { readonly how: 'silent'; readonly what: 'hello' | 'ready' | 'heartbeat' }
  /** It never opened. */
  | { readonly how: 'refused'; readonly error: WgrokError }
  /** We closed it. */
  | { readonly how: 'ours' }

/** What follows: take the session up again, start a new one, or give up. */
export type Verdict =
  | { readonly next: 'resume' }
  | { readonly next: 'identify' }
  | { readonly next: 'fail'; readonly error: WgrokError }

const RESUME: Verdict = { next: 'resume' }
const IDENTIFY: Verdict = { next: 'identify' }

/** Close codes that end a session, but not the account's right to start another one. */
const SESSION_OVER: ReadonlySet<number> = new Set([1000, 4003, 4005, 4007, 4008, 4009])

/** Judges how a connection ended. A verdict `resume` without a session to resume means `identify`. */
export function judge(ending: Ending): Verdict {
  switch (ending.how) {
    case 'closed': {
      const error = fatalClose(ending.code)
      if (error !== undefined) return { next: 'fail', error }
      return SESSION_OVER.has(ending.code) ? IDENTIFY : RESUME
    }
    case 'invalid':
      return ending.resumable ? RESUME : IDENTIFY
    default:
      return RESUME
  }
}

/** Close codes after which every further attempt would end alike. */
function fatalClose(code: number): WgrokError | undefined {
  const closed = `the gateway closed with ${code}`
  switch (code) {
    case 4004:
      return new WgrokError('auth-failed', `${closed}: it refused the token`)
    case 4010:
      return new WgrokError('config-invalid', `${closed}: invalid shard`)
    case 4011:
      return new WgrokError('unsupported', `${closed}: the bot is in too many servers for one connection`)
    case 4012:
      return new WgrokError('unsupported', `${closed}: it does not speak version 10`)
    case 4013:
      return new WgrokError('unsupported', `${closed}: invalid intents`)
    case 4014:
      return new WgrokError('forbidden', `${closed}: enable the Message Content intent in the developer portal`)
    default:
      return undefined
  }
}

/** The ending as an error, for the status. */
export function endingError(ending: Ending): WgrokError {
  switch (ending.how) {
    case 'closed':
      return new WgrokError('connection-lost', `the gateway closed with ${ending.code}`)
    case 'reconnect':
      return new WgrokError('connection-lost', 'the gateway asked for another connection')
    case 'invalid':
      return new WgrokError('connection-lost', 'the gateway does not know the session any more')
    case 'silent':
      return new WgrokError('timeout', `the gateway owes us its ${ending.what}`)
    case 'refused':
      return ending.error
    case 'ours':
      return new WgrokError('closed', 'the transport was closed')
  }
}
