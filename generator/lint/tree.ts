import { joinPointer } from '../pointer.js'

/** A mapping of the spec, of which nothing is known yet. */
export type Obj = Readonly<Record<string, unknown>>

export function isObj(value: unknown): value is Obj {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as a mapping; anything else is an empty one. */
export function objOf(value: unknown): Obj {
  return isObj(value) ? value : {}
}

/** The value as a list; anything else is an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The strings among the items of a list. */
export function stringsOf(value: unknown): string[] {
  return listOf(value).filter(item => typeof item === 'string')
}

/** An own property, also when it is called `constructor`. */
export function own(value: unknown, key: string): unknown {
  return isObj(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

/** The entries of a mapping, each with its pointer. */
export function* members(value: unknown, pointer: string): Generator<[name: string, value: unknown, pointer: string]> {
  for (const [name, child] of Object.entries(objOf(value))) yield [name, child, joinPointer(pointer, name)]
}

/** The items of a list, each with its pointer. */
export function* items(value: unknown, pointer: string): Generator<[value: unknown, pointer: string]> {
  for (const [index, child] of listOf(value).entries()) yield [child, joinPointer(pointer, index)]
}

/** `a, b and c`, each in backticks. */
export function listing(names: Iterable<string>): string {
  const quoted = [...names].map(name => `\`${name}\``)
  const last = quoted.pop() ?? ''
  return quoted.length === 0 ? last : `${quoted.join(', ')} and ${last}`
}
