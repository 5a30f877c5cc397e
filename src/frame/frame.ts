import { type FrameProblem, parseEcho, parseResponse } from '../../generated/frames.js'
import { WgrokError } from '../errors.js'
import type { Frame } from '../protocol.js'

const FIELDS = ['to', 'from', 'flags'] as const
const ECHO_PREFIX_LENGTH = './echo:'.length

/**
 * Reads an echo frame, `./echo:{to}:{from}:{flags}:{payload}`. The flags are not looked at.
 *
 * @throws WgrokError `not-a-frame`, `frame-malformed` (fewer than four fields), `slug-invalid` (empty `to` or `from`),
 *   `flags-invalid` (empty flags).
 */
export function echoFrame(text: string): Frame {
  const frame = parseEcho(text)
  if (typeof frame === 'string') throw problem(frame, 'an echo', text.slice(ECHO_PREFIX_LENGTH))
  return frame
}

/**
 * Reads a response frame, `{to}:{from}:{flags}:{payload}`. The flags are not looked at.
 *
 * @throws WgrokError as {@link echoFrame} does.
 */
export function responseFrame(text: string): Frame {
  const frame = parseResponse(text)
  if (typeof frame === 'string') throw problem(frame, 'a response', text)
  return frame
}

function problem(kind: FrameProblem, wanted: string, fields: string): WgrokError {
  if (kind === 'not-a-frame') return new WgrokError(kind, `not ${wanted} frame`)
  if (kind === 'frame-malformed') return new WgrokError(kind, `${wanted} frame has four fields, this text has fewer`)
  const empty = FIELDS[fields.split(':', FIELDS.length).indexOf('')] ?? 'to'
  return new WgrokError(empty === 'flags' ? 'flags-invalid' : 'slug-invalid', `${empty} is empty`)
}
