import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WgrokError } from '../errors.js'
import { type ConformanceCase, nameOf, type Suite } from './suite.js'

/** What an implementation of a spec version is held to. */
export interface Requirements {
  readonly spec: string
  /** Frozen: what is not listed does not count, and what is may not change. Until the release, all cases count. */
  readonly released: boolean
  /** Name of each case that counts, and the fingerprint of what it asks and expects. */
  readonly cases: Readonly<Record<string, string>>
  /** Cases that are known not to count, and why. */
  readonly notScored: Readonly<Record<string, string>>
}

/** File of the requirements of a spec version, within a folder of cases. */
export function requirementsFile(folder: string, spec: string): string {
  return join(folder, 'requirements', `${spec}.json`)
}

/** Requirements that go with a folder of cases; undefined where there are none: everything counts. */
export async function loadRequirements(folder: string, spec: string): Promise<Requirements | undefined> {
  const file = requirementsFile(folder, spec)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const { cases, notScored, released, ...rest } = JSON.parse(text) as Partial<Requirements>
  if (typeof cases !== 'object' || typeof notScored !== 'object' || rest.spec !== spec || released === undefined) {
    throw new WgrokError('config-invalid', `${file} holds no requirements of spec ${spec}`)
  }
  return { spec, released, cases, notScored }
}

/** Why a failure of a case would not count; undefined when it would. */
export function notScored(
  suite: Suite,
  item: ConformanceCase,
  options: { readonly requirements?: Requirements | undefined; readonly lenient?: boolean },
): string | undefined {
  if (item.level === 'may') return 'may'
  if (item.level === 'should' && options.lenient === true) return 'should'
  const { requirements } = options
  if (requirements === undefined) return undefined
  const name = nameOf(suite, item)
  const listed = !requirements.released || Object.hasOwn(requirements.cases, name)
  return requirements.notScored[name] ?? (listed ? undefined : 'added-after-release')
}

/** What a case asks and expects, in 16 hex digits: words may be mended, a requirement may not change. */
export function fingerprint(
  suite: Suite,
  { op = suite.op, level, requires = [], input, script, expect }: ConformanceCase,
): string {
  const essence = JSON.stringify([op, level, [...(suite.requires ?? []), ...requires], input, script, expect])
  return createHash('sha256').update(essence).digest('hex').slice(0, 16)
}

/** Requirements of a spec version as they are now. Cases that were known not to count stay so. */
export function freeze(suites: readonly Suite[], spec: string, released: boolean, old?: Requirements): Requirements {
  const names = suites.flatMap(suite =>
    suite.cases.map(item => [nameOf(suite, item), fingerprint(suite, item)] as const),
  )
  return { spec, released, cases: Object.fromEntries(names), notScored: old?.notScored ?? {} }
}

/** Where the cases and their requirements are not the same any more. */
export function requirementsProblems(suites: readonly Suite[], requirements: Requirements): string[] {
  if (!requirements.released) return []
  const now = freeze(suites, requirements.spec, true).cases
  return Object.entries(requirements.cases).flatMap(([name, frozen]) => {
    if (now[name] === undefined) return [`${name}: required by spec ${requirements.spec}, but gone`]
    return now[name] === frozen ? [] : [`${name}: required by spec ${requirements.spec}, but changed; give it a new id`]
  })
}
