import { type Level, rank } from './change.js'

/** The step from one version to the next; `none` also when it goes backwards. */
export type Bump = Level | 'none'

/** The first part of a semantic version in which two differ. */
export function bumpOf(before: string, after: string): Bump {
  const [old, now] = [parse(before), parse(after)]
  if (old === undefined || now === undefined) return 'none'
  for (const [index, level] of (['major', 'minor', 'patch'] as const).entries()) {
    const step = (now.core[index] ?? 0) - (old.core[index] ?? 0)
    if (step !== 0) return step > 0 ? level : 'none'
  }
  return old.rest === now.rest ? 'none' : 'patch'
}

/** True when the step is large enough. Below 1.0.0 the minor number is the one that says "incompatible". */
export function isSufficient(verdict: Level | 'none', before: string, after: string): boolean {
  if (isBackwards(before, after)) return false
  const isEarly = parse(before)?.core[0] === 0
  const needed = isEarly ? EARLY[verdict] : verdict
  return rank(bumpOf(before, after)) >= rank(needed)
}

const EARLY = { none: 'none', patch: 'patch', minor: 'patch', major: 'minor' } as const

function isBackwards(before: string, after: string): boolean {
  const [old, now] = [parse(before), parse(after)]
  if (old === undefined || now === undefined) return before !== after
  for (const index of [0, 1, 2]) {
    const step = (now.core[index] ?? 0) - (old.core[index] ?? 0)
    if (step !== 0) return step < 0
  }
  return false
}

function parse(version: string): { core: number[]; rest: string } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+](.*))?$/.exec(version)
  return match === null ? undefined : { core: match.slice(1, 4).map(Number), rest: match[4] ?? '' }
}
