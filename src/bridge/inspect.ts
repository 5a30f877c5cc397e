import { FRAGILE, LIMITS } from '../../generated/limits.js'
import type { BridgeEvent, BridgeMessage, BridgeReply } from '../../generated/models.js'
import { WgrokError } from '../errors.js'

/** What an inspection hook looks at. */
export interface Inspected {
  /** The platform name that the connection registered. */
  readonly platform: string
  readonly envelope: BridgeMessage | BridgeReply | BridgeEvent
}

/** Pass it on, refuse it, or pass on other content in its place. */
export type Verdict = 'pass' | 'refuse' | { readonly content: string }

/** Sees everything that an adapter sends before anybody else does. What throws refuses. */
export type Inspect = (inspected: Inspected) => Verdict | Promise<Verdict>

/** Options of {@link openInspection}. */
export interface InspectionPolicy {
  /** Largest `content` in UTF-8 bytes. Default: that of an envelope, 1 MiB. */
  readonly contentBytes?: number
  /** Whether control characters other than tab, line feed and carriage return may stand anywhere. Default false. */
  readonly controls?: boolean
  /**
   * Patterns that no text in an envelope may match, in RE2 syntax: time grows with the length of the text only, whatever
   * the pattern. Default none.
   */
  readonly deny?: readonly string[]
}

type Rule = (text: string) => boolean

/**
 * A hook that refuses by size, control characters and the operator's deny list.
 *
 * @throws WgrokError `pattern-invalid` with the position of the pattern in the list.
 */
export async function openInspection(policy: InspectionPolicy = {}): Promise<Inspect> {
  return inspection(policy, await compile(policy.deny ?? []))
}

/** What a server does unless told otherwise: control characters are refused. */
export const defaultInspection: Inspect = inspection({}, [])

function inspection(policy: InspectionPolicy, deny: readonly Rule[]): Inspect {
  const { contentBytes = LIMITS.bridgePayload, controls = false } = policy
  const rules = controls ? deny : [hasControls, ...deny]
  return ({ envelope }) => {
    const content = 'content' in envelope ? (envelope.content ?? '') : ''
    // A UTF-16 unit is at most three bytes, so most texts need no counting.
    if (content.length * 3 > contentBytes && Buffer.byteLength(content) > contentBytes) return 'refuse'
    return rules.length > 0 && someText(envelope, text => rules.some(rule => rule(text))) ? 'refuse' : 'pass'
  }
}

function hasControls(text: string): boolean {
  return FRAGILE.bridge?.test(text) ?? false
}

/** Depth is bounded where envelopes are read. */
function someText(value: unknown, match: Rule): boolean {
  if (typeof value === 'string') return match(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some(inner => someText(inner, match))
}

async function compile(patterns: readonly string[]): Promise<readonly Rule[]> {
  if (patterns.length === 0) return []
  const { RE2JS } = await import('re2js')
  return patterns.map((pattern, index) => {
    try {
      const compiled = RE2JS.compile(pattern)
      return text => compiled.matcher(text).find()
    } catch (error) {
      throw new WgrokError('pattern-invalid', `pattern ${index + 1} of the deny list is not RE2`, { cause: error })
    }
  })
}
