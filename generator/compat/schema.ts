import type { RawSchema } from '../ir.js'
import { joinPointer } from '../pointer.js'
import { compareBounds } from './bounds.js'
import { type Levels, pair, same } from './change.js'
import { NARROWER, type Placed, type SchemaContext, text, WIDER } from './context.js'
import { compareBranches } from './union.js'
import { compareTypes, compareValues } from './values.js'

/**
 * Tells what changed between two schemas. Two `$ref`s of the same name are not followed: components are compared once
 * each, with the direction of everything that leads to them.
 */
export function compareSchema(context: SchemaContext, before: Placed, after: Placed): void {
  compareNotes(context, before, after)
  const [oldRef, newRef] = [before.schema['$ref'], after.schema['$ref']]
  if (typeof oldRef === 'string' && oldRef === newRef) return
  const pairKey = `${before.pointer} ${after.pointer}`
  if (context.open.has(pairKey)) return
  context.open.add(pairKey)
  const old = behind(before, context.before)
  const now = behind(after, context.after)
  if (compareBranches(context, { written: before, meant: old }, { written: after, meant: now }, compareSchema)) return
  if (compareTypes(context, old, now) === 'different') return
  compareValues(context, old, now)
  compareBounds(context, old, now)
  compareProperties(context, old, now)
  compareRest(context, old, now)
  compareChild(context, old, now, 'items')
}

function behind(place: Placed, resolve: (ref: string) => RawSchema | undefined): Placed {
  const ref = place.schema['$ref']
  const target = typeof ref === 'string' ? resolve(ref) : undefined
  return target === undefined ? place : { schema: target, pointer: place.pointer }
}

/** Documentation, defaults and secrets: what stands beside a schema without deciding what matches it. */
function compareNotes({ changes, side }: SchemaContext, before: Placed, after: Placed): void {
  const { pointer } = after
  for (const key of ['title', 'description', 'examples']) {
    changes.docs(before.schema[key], after.schema[key], joinPointer(pointer, key), key)
  }
  if (!same(before.schema['x-wgrok-secret'], after.schema['x-wgrok-secret'])) {
    changes.add('patch', pointer, 'what is kept out of logs changed')
  }
  if (before.schema['deprecated'] !== true && after.schema['deprecated'] === true) {
    changes.add('minor', pointer, 'it is deprecated now')
  }
  if (!same(before.schema['default'], after.schema['default'])) {
    const reason = `the default changed from ${text(before.schema['default'])} to ${text(after.schema['default'])}: leaving it out means something else`
    changes.sided(side, { receive: 'major', send: 'major', api: 'minor' }, pointer, reason)
  }
}

function compareProperties(context: SchemaContext, before: Placed, after: Placed): void {
  const { changes, side } = context
  const { removed, added, kept } = pair(properties(before), properties(after), ({ name }) => name)
  const wasClosed = before.schema['additionalProperties'] === false
  for (const { name, required, pointer } of removed) {
    const levels: Levels = { receive: 'major', send: required ? 'major' : 'minor', api: 'major' }
    changes.sided(side, levels, pointer, `${required ? 'required ' : ''}property \`${name}\` was removed`)
  }
  for (const { name, required, pointer } of added) {
    const send = wasClosed ? 'major' : 'minor'
    const why = wasClosed && side !== 'receive' ? ', and the object was closed to others' : ''
    changes.sided(
      side,
      { receive: required ? 'major' : 'minor', send, api: 'minor' },
      pointer,
      `${required ? 'required' : 'optional'} property \`${name}\` was added${why}`,
    )
  }
  for (const [old, now] of kept) {
    if (old.required !== now.required) {
      const levels: Levels = now.required
        ? { receive: 'major', send: 'minor', api: 'minor' }
        : { receive: 'minor', send: 'major', api: 'major' }
      changes.sided(
        side,
        levels,
        now.pointer,
        `property \`${now.name}\` became ${now.required ? 'required' : 'optional'}`,
      )
    }
    compareSchema(context, old, now)
  }
}

interface Property extends Placed {
  readonly name: string
  readonly required: boolean
}

function properties({ schema, pointer }: Placed): Property[] {
  const required = new Set(Array.isArray(schema['required']) ? schema['required'] : [])
  return Object.entries((schema['properties'] ?? {}) as Record<string, RawSchema>).map(([name, child]) => ({
    name,
    schema: child,
    required: required.has(name),
    pointer: joinPointer(`${pointer}/properties`, name),
  }))
}

/** `additionalProperties`, which is `true` unless written. */
function compareRest(context: SchemaContext, before: Placed, after: Placed): void {
  const [old, now] = [before.schema['additionalProperties'] ?? true, after.schema['additionalProperties'] ?? true]
  if (typeof old === 'object' && typeof now === 'object') {
    compareChild(context, before, after, 'additionalProperties')
    return
  }
  if (old === now) return
  const opens = now === true || old === false
  const reason = opens
    ? 'fields that are not listed are allowed now'
    : 'fields that are not listed are refused or restricted now'
  // Whoever reads an object must ignore what it does not know, so that opening one breaks nobody.
  const levels: Levels = opens ? { receive: 'minor', send: 'minor', api: 'minor' } : NARROWER
  context.changes.sided(context.side, levels, joinPointer(after.pointer, 'additionalProperties'), reason)
}

function compareChild(context: SchemaContext, before: Placed, after: Placed, key: string): void {
  const [old, now] = [before.schema[key] as RawSchema | undefined, after.schema[key] as RawSchema | undefined]
  const pointer = joinPointer(after.pointer, key)
  if (old !== undefined && now !== undefined) {
    compareSchema(context, { schema: old, pointer: joinPointer(before.pointer, key) }, { schema: now, pointer })
  } else if (old !== undefined || now !== undefined) {
    const isNew = now !== undefined
    context.changes.sided(
      context.side,
      isNew ? NARROWER : WIDER,
      isNew ? pointer : joinPointer(before.pointer, key),
      `\`${key}\` ${isNew ? 'restricts what was free' : 'no longer restricts'}`,
    )
  }
}
