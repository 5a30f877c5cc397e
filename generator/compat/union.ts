import type { RawSchema } from '../ir.js'
import { joinPointer } from '../pointer.js'
import { canonical, type Levels, pair, same } from './change.js'
import { DIFFERENT, NARROWER, type Placed, type SchemaContext, WIDER } from './context.js'

const GONE: Levels = { ...NARROWER, api: 'major' }

interface Branch extends Placed {
  readonly key: string
  /** True when the tag of a discriminated union is the key. */
  readonly tagged: boolean
}

/** A schema as it is written, and behind its `$ref`. */
interface Followed {
  readonly written: Placed
  readonly meant: Placed
}

/**
 * Compares `oneOf`, `anyOf` and `allOf`. A schema without them is a union of itself, so that `X` -> `X or Y` is a
 * widening and nothing else. True when there was anything to compare.
 */
export function compareBranches(
  context: SchemaContext,
  before: Followed,
  after: Followed,
  compare: (context: SchemaContext, before: Placed, after: Placed) => void,
): boolean {
  const [old, now] = [combiner(before.meant.schema), combiner(after.meant.schema)]
  if (old === undefined && now === undefined) return false
  const { changes, side } = context
  const { pointer } = after.written
  if (old !== undefined && now !== undefined && (old === 'allOf') !== (now === 'allOf')) {
    changes.sided(side, DIFFERENT, pointer, `\`${old}\` became \`${now}\``)
    return true
  }
  const [oldTag, newTag] = [before.meant.schema['discriminator'], after.meant.schema['discriminator']]
  if (oldTag !== undefined && newTag !== undefined && !same(oldTag, newTag)) {
    changes.sided(side, DIFFERENT, joinPointer(pointer, 'discriminator'), 'branches are told apart by another property')
  }
  const tag = same(oldTag, newTag) && typeof newTag === 'string' ? newTag : undefined
  const oldBranches = branches(context.before, before, tag)
  const { removed, added, kept } = pair(oldBranches, branches(context.after, after, tag), ({ key }) => key)
  const isAll = (old ?? now) === 'allOf'
  // Untagged, and as many went as came: the same branches, renamed or changed.
  if (removed.length === added.length && ![...removed, ...added].some(({ tagged }) => tagged)) {
    for (const [index, branch] of removed.entries()) kept.push([branch, added[index] ?? branch])
  } else {
    for (const branch of removed) {
      changes.sided(side, isAll ? WIDER : GONE, branch.pointer, `branch ${name(branch)} was removed`)
    }
    for (const branch of added) {
      changes.sided(side, isAll ? NARROWER : WIDER, branch.pointer, `branch ${name(branch)} was added`)
    }
  }
  for (const [was, is] of kept) compare(context, was, is)
  return true
}

function combiner(schema: RawSchema): 'oneOf' | 'anyOf' | 'allOf' | undefined {
  return (['oneOf', 'anyOf', 'allOf'] as const).find(key => Array.isArray(schema[key]))
}

function branches(
  resolve: (ref: string) => RawSchema | undefined,
  { written, meant }: Followed,
  tag: string | undefined,
): Branch[] {
  const keyword = combiner(meant.schema)
  if (keyword === undefined) return [{ ...written, ...keyOf(resolve, written.schema, tag) }]
  const at = joinPointer(meant.pointer, keyword)
  return (meant.schema[keyword] as readonly RawSchema[]).map((schema, index) => ({
    schema,
    pointer: joinPointer(at, index),
    ...keyOf(resolve, schema, tag),
  }))
}

/** The tag when there is one, so that renaming a branch's schema is no change; else its `$ref`, else its text. */
function keyOf(
  resolve: (ref: string) => RawSchema | undefined,
  schema: RawSchema,
  tag: string | undefined,
): { key: string; tagged: boolean } {
  const ref = schema['$ref']
  const target = typeof ref === 'string' ? resolve(ref) : schema
  const fields = target?.['properties'] as Record<string, RawSchema> | undefined
  const value = tag === undefined ? undefined : fields?.[tag]?.['const']
  if (value !== undefined) return { key: `${tag}: ${String(value)}`, tagged: true }
  return { key: typeof ref === 'string' ? ref : canonical(schema), tagged: false }
}

function name({ key }: Branch): string {
  const short = key.startsWith('#/') ? key.slice(key.lastIndexOf('/') + 1) : key
  return `\`${short.length > 60 ? `${short.slice(0, 59)}…` : short}\``
}
