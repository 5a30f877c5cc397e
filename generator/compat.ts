import { type Change, Changes, canonical, type Level, same, worse } from './compat/change.js'
import { compareChannels, compareOperations, compareServers } from './compat/paths.js'
import { sidesOf } from './compat/sides.js'
import { compareConfigs, compareErrors, compareLimits, comparePlatforms } from './compat/tables.js'
import { type Bump, bumpOf, isSufficient } from './compat/version.js'
import { compareMessages, compareModels } from './compat/wire.js'
import type { Spec } from './ir.js'

export type { Change, Level } from './compat/change.js'
export type { Bump } from './compat/version.js'

/** What became of a spec, seen from the other end of the wire. */
export interface Comparison {
  /** The worst of all changes: `major` breaks a peer that stays on the old spec. */
  readonly verdict: Level | 'none'
  /** What `info.version` says happened. */
  readonly bump: Bump
  /**
   * Whether `info.version` says enough. Below 1.0.0 a `major` change needs a step of the minor number, any other a step
   * of the patch number. A version that goes backwards is never enough.
   */
  readonly sufficient: boolean
  /** Worst first, then in the order of the spec's parts. */
  readonly changes: readonly Change[]
}

/**
 * Compares two versions of a spec by what they mean on the wire and to a program that uses the generated code. Every
 * schema is judged in the direction in which it travels: a peer may not be asked for more than before, nor be given
 * what it does not know.
 */
export function compareSpecs(before: Spec, after: Spec): Comparison {
  const changes = new Changes()
  if (before.perspective !== after.perspective) {
    const reason = `send and receive are told from the ${after.perspective}'s side instead of the ${before.perspective}'s`
    changes.add('major', '#/x-wgrok-perspective', reason, 'both')
  }
  const sides = sidesOf(before, after)
  compareServers(changes, before, after)
  compareChannels(changes, before, after)
  compareOperations(changes, before, after)
  compareMessages(changes, before, after, sides)
  compareModels(changes, before, after, sides)
  compareLimits(changes, before, after)
  comparePlatforms(changes, before, after)
  compareErrors(changes, before, after)
  compareConfigs(changes, before, after)
  changes.docs(infoOf(before), infoOf(after), '#/info', 'the description of the whole')
  if (changes.list.length === 0 && !same(meaning(before), meaning(after))) {
    changes.add('patch', '#', 'something that does not reach the wire changed')
  }
  const list = unique(changes.list)
  const verdict = list.reduce<Level | 'none'>((worstYet, { level }) => worse(worstYet, level), 'none')
  const [was, is] = [before.info.version, after.info.version]
  return { verdict, bump: bumpOf(was, is), sufficient: isSufficient(verdict, was, is), changes: list }
}

function infoOf({ info: { version: _, ...rest } }: Spec): object {
  return rest
}

/** Everything that the generator reads, without places and hash. */
function meaning({ sha256: _, info, ...spec }: Spec): unknown {
  return JSON.parse(
    JSON.stringify({ ...spec, info: { ...info, version: '' } }, (key, value) =>
      key === 'pointer' ? undefined : value,
    ),
  )
}

function unique(changes: readonly Change[]): Change[] {
  const seen = new Map(changes.map(change => [canonical(change), change]))
  const order: readonly Level[] = ['major', 'minor', 'patch']
  return [...seen.values()].sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
}
