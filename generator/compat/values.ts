import { joinPointer } from '../pointer.js'
import { canonical, type Levels } from './change.js'
import { DIFFERENT, NARROWER, type Placed, type SchemaContext, text, WIDER } from './context.js'

const REMOVED: Levels = { ...NARROWER, api: 'major' }

/** Compares `type`. `different` means that nothing below can be compared. */
export function compareTypes(context: SchemaContext, before: Placed, after: Placed): 'comparable' | 'different' {
  const [old, now] = [types(before), types(after)]
  const lost = old === undefined ? now !== undefined : now !== undefined && old.some(type => !covers(now, type))
  const won = now === undefined ? old !== undefined : old !== undefined && now.some(type => !covers(old, type))
  if (!lost && !won) return 'comparable'
  const reason = `the type changed from ${old?.join(' or ') ?? 'any'} to ${now?.join(' or ') ?? 'any'}`
  const levels =
    lost && won ? DIFFERENT : lost ? { ...NARROWER, api: 'major' as const } : { ...WIDER, api: 'major' as const }
  context.changes.sided(context.side, levels, after.pointer, reason)
  return lost && won ? 'different' : 'comparable'
}

/** Compares `enum` and `const`. */
export function compareValues(context: SchemaContext, before: Placed, after: Placed): void {
  const { changes, side } = context
  const [old, now] = [values(before), values(after)]
  if (old === undefined && now === undefined) return
  const place = joinPointer(after.pointer, now !== undefined && 'const' in after.schema ? 'const' : 'enum')
  if (old === undefined || now === undefined) {
    if (old === undefined) changes.sided(side, NARROWER, place, 'only listed values are allowed now')
    else changes.sided(side, WIDER, after.pointer, 'values that are not listed are allowed now')
    return
  }
  const [known, current] = [new Set(old.map(canonical)), new Set(now.map(canonical))]
  const removed = old.filter(value => !current.has(canonical(value)))
  const added = now.filter(value => !known.has(canonical(value)))
  if (old.length === 1 && now.length === 1 && removed.length === 1) {
    changes.sided(side, DIFFERENT, place, `the value changed from ${text(old[0])} to ${text(now[0])}`)
    return
  }
  for (const value of removed) changes.sided(side, REMOVED, place, `value ${text(value)} was removed`)
  for (const value of added) {
    const why = side === 'receive' || side === 'api' ? '' : ': whoever knows the old list meets an unknown value'
    changes.sided(side, WIDER, place, `value ${text(value)} was added${why}`)
  }
}

function types({ schema }: Placed): string[] | undefined {
  const type = schema['type']
  if (type !== undefined) return [type].flat() as string[]
  const listed = values({ schema, pointer: '' })
  return listed === undefined ? undefined : [...new Set(listed.map(typeOf))]
}

function covers(types: readonly string[], type: string): boolean {
  return types.includes(type) || (type === 'integer' && types.includes('number'))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function values({ schema }: Placed): readonly unknown[] | undefined {
  if ('const' in schema) return [schema['const']]
  return Array.isArray(schema['enum']) ? schema['enum'] : undefined
}
