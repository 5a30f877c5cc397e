import { parseFlags } from '../../generated/frames.js'
import { WgrokError } from '../errors.js'
import type { FlagSet } from '../protocol.js'

/**
 * Reads flags, `-` or `[z][e][N/M]`.
 *
 * @throws WgrokError `flags-invalid`
 */
export function readFlags(text: string): FlagSet {
  const flags = parseFlags(text)
  if (flags === undefined) throw new WgrokError('flags-invalid', 'flags are not `-` or `[z][e][N/M]` with 1 <= N <= M')
  return flags
}
