// Must compile: what a reader of the generated code relies on.
import { OPERATIONS } from './expected/channels.js'
import { CONFIG_TABLES, type ConfigRow } from './expected/config.js'
import { ERRORS, type ErrorCode, isErrorCode } from './expected/errors.js'
import { type FrameProblem, formatCall, parseCall, parseMarks, STOP } from './expected/frames.js'
import { FRAGILE, FRAME_LIMITS, type FrameUnit, LIMITS } from './expected/limits.js'
import type { Platform } from './expected/models.js'
import { SECRET_FIELDS } from './expected/secrets.js'
import { dispatchLinesReceives, type SocketSentReplies } from './expected/stubs.js'

/** A failed parse is a string, so one `typeof` tells. */
export function who(text: string): string {
  const call = parseCall(text)
  if (typeof call === 'string') {
    const problem: FrameProblem = call
    return problem
  }
  return call.who
}

export const text: string = formatCall({ who: 'ann', what: 'come' })
export const stop: '!stop' = STOP
export const first: boolean | undefined = parseMarks('a')?.first

const platform: Platform = 'irc'
export const unit: FrameUnit = FRAME_LIMITS[platform].unit
export const fragile: boolean = FRAGILE[platform]?.test('a/b') ?? false
export const lineMax: 512 = LIMITS.lineMax

export function status(code: string): number {
  if (!isErrorCode(code)) return 500
  const known: ErrorCode = code
  return ERRORS[known].status
}

export const rows: readonly ConfigRow[] = CONFIG_TABLES.peer
export const secrets: readonly string[] = SECRET_FIELDS
export const reply: SocketSentReplies['hubPing'] = { op: 2 }
export const action: 'send' = OPERATIONS.hubPing.action
export const replies: readonly ['Pong'] = OPERATIONS.hubPing.reply

/** Every handler returns the same; so does what is undecoded. */
export function handle(line: string): string {
  return dispatchLinesReceives(
    line,
    {
      peerCall: (call, room: string) => `${room} ${call.who}`,
      peerHello: call => call.what,
      peerStop: message => message,
    },
    'room',
    (undecoded, room) => (undecoded.operation === 'invalid' ? `${undecoded.errors.length}` : room),
  )
}
