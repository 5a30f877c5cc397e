import { joinPointer } from '../pointer.js'
import { same } from './change.js'
import { DIFFERENT, NARROWER, type Placed, type SchemaContext, text, WIDER } from './context.js'

/** The value that each bound has when it is not written. */
const LOWER = { minimum: -Infinity, exclusiveMinimum: -Infinity, minLength: 0, minItems: 0, minProperties: 0 }
const UPPER = {
  maximum: Infinity,
  exclusiveMaximum: Infinity,
  maxLength: Infinity,
  maxItems: Infinity,
  maxProperties: Infinity,
}

/** Compares lengths, ranges, patterns and the like. */
export function compareBounds(context: SchemaContext, before: Placed, after: Placed): void {
  for (const [key, free] of Object.entries(LOWER)) {
    const [old, now] = [number(before, key, free), number(after, key, free)]
    if (old !== now) report(context, before, after, key, now > old ? 'narrower' : 'wider')
  }
  for (const [key, free] of Object.entries(UPPER)) {
    const [old, now] = [number(before, key, free), number(after, key, free)]
    if (old !== now) report(context, before, after, key, now < old ? 'narrower' : 'wider')
  }
  const [old, now] = [before.schema['uniqueItems'] === true, after.schema['uniqueItems'] === true]
  if (old !== now) report(context, before, after, 'uniqueItems', now ? 'narrower' : 'wider')
  for (const key of ['pattern', 'multipleOf']) {
    const [was, is] = [before.schema[key], after.schema[key]]
    if (!same(was, is))
      report(context, before, after, key, was === undefined ? 'narrower' : is === undefined ? 'wider' : 'other')
  }
}

function report(
  { changes, side }: SchemaContext,
  before: Placed,
  after: Placed,
  key: string,
  how: 'narrower' | 'wider' | 'other',
): void {
  const levels = how === 'narrower' ? NARROWER : how === 'wider' ? WIDER : DIFFERENT
  // Constraints do not reach the TypeScript types: for those it is enough to say that something changed.
  const quiet = how === 'other' ? { ...levels, api: 'minor' as const } : levels
  const [was, is] = [before.schema[key], after.schema[key]]
  const pointer = is === undefined ? after.pointer : joinPointer(after.pointer, key)
  const what = how === 'narrower' ? 'tighter' : how === 'wider' ? 'looser' : 'other'
  changes.sided(side, quiet, pointer, `\`${key}\` changed from ${text(was)} to ${text(is)} (${what} than before)`)
}

function number({ schema }: Placed, key: string, free: number): number {
  const value = schema[key]
  return typeof value === 'number' ? value : free
}
