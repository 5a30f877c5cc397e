import { FRAGILE, FRAME_LIMITS } from '../../generated/limits.js'
import type { FrameLimit, FrameUnit, Platform } from '../protocol.js'

/** What a frame has to be like on its way. */
export interface FrameRules {
  readonly limit: FrameLimit
  /** What the platforms on the way would damage, as far as they damage anything. */
  readonly fragile: RegExp | undefined
}

/** The unit that counts most for the same text first: a limit in it holds in those that follow. */
const UNITS: readonly FrameUnit[] = ['utf8-bytes', 'utf16-units', 'code-points']

/**
 * Rules for frames that are sent with `limit` and then relayed to other platforms: the smallest size in the unit that
 * counts most, so that a frame fits everywhere.
 *
 * @param platform the one that the frames are sent on
 * @param via those that they are relayed to
 */
export function rulesFor(platform: Platform, limit: FrameLimit, via: readonly Platform[]): FrameRules {
  const others = [...new Set(via)].filter(other => other !== platform)
  if (others.length === 0) return { limit, fragile: FRAGILE[platform] }
  const limits = [limit, ...others.map(other => FRAME_LIMITS[other])]
  const costs: Record<string, number> = {}
  for (const one of limits) {
    for (const [char, cost] of Object.entries(one.costs ?? {})) costs[char] = Math.max(costs[char] ?? 0, cost)
  }
  const unit = UNITS.find(candidate => limits.some(one => one.unit === candidate)) ?? limit.unit
  const size = Math.min(...limits.map(one => one.size))
  return {
    limit: { size, unit, ...(Object.keys(costs).length === 0 ? {} : { costs }) },
    fragile: anyOf([platform, ...others].flatMap(one => FRAGILE[one] ?? [])),
  }
}

function anyOf(patterns: readonly RegExp[]): RegExp | undefined {
  if (patterns.length < 2) return patterns[0]
  return new RegExp(patterns.map(({ source }) => `(?:${source})`).join('|'), 'u')
}
