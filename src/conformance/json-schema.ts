import { matchesExactly } from './match.js'

/** What a schema of ours says; only the keywords that {@link schemaProblems} knows. */
export type Schema = boolean | { readonly [keyword: string]: unknown }

/** Most problems that are reported of one value. */
const PROBLEMS_MAX = 20

interface Walk {
  readonly root: Schema
  readonly problems: string[]
}

/**
 * Holds a value against a JSON Schema (draft 2020-12), so that `lint` needs no package. Covers the keywords of the
 * schemas in this folder; one that it does not know is an error of the schema.
 *
 * @returns what is wrong, as `pointer: reason`; empty when nothing is
 * @throws TypeError for a keyword that it does not know
 */
export function schemaProblems(value: unknown, schema: Schema, root: Schema = schema): string[] {
  const walk: Walk = { root, problems: [] }
  check(value, schema, '', walk)
  return walk.problems
}

/** Whether {@link schemaProblems} finds nothing. */
export function fitsSchema(value: unknown, schema: Schema, root: Schema = schema): boolean {
  return schemaProblems(value, schema, root).length === 0
}

function check(value: unknown, schema: Schema, at: string, walk: Walk): void {
  if (schema === true || walk.problems.length >= PROBLEMS_MAX) return
  if (schema === false) return void walk.problems.push(`${at || '/'}: is not allowed here`)
  for (const [keyword, operand] of Object.entries(schema)) {
    if (ANNOTATIONS.has(keyword)) continue
    const rule = RULES[keyword]
    if (rule === undefined) throw new TypeError(`schema keyword ${keyword} is not known`)
    const problem = rule(value, operand, at, walk, schema)
    if (problem !== undefined) walk.problems.push(`${at || '/'}: ${problem}`)
  }
}

const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$defs',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'format',
])

type Rule = (value: unknown, operand: unknown, at: string, walk: Walk, schema: object) => string | undefined

const RULES: Readonly<Record<string, Rule>> = {
  type: (value, type) => (isOfType(value, type) ? undefined : `must be ${String(type)}, not ${typeOf(value)}`),
  const: (value, only) => (matchesExactly(value, only) ? undefined : `must be ${JSON.stringify(only)}`),
  enum: (value, all) =>
    (all as unknown[]).some(one => matchesExactly(value, one))
      ? undefined
      : `must be one of ${(all as unknown[]).join(', ')}`,
  pattern: (value, pattern) =>
    typeof value !== 'string' || new RegExp(pattern as string, 'u').test(value) ? undefined : `must match ${pattern}`,
  minLength: (value, min) =>
    typeof value === 'string' && [...value].length < (min as number) ? `is shorter than ${min}` : undefined,
  minimum: (value, min) => (typeof value === 'number' && value < (min as number) ? `is less than ${min}` : undefined),
  minItems: (value, min) =>
    Array.isArray(value) && value.length < (min as number) ? `has fewer than ${min} items` : undefined,
  uniqueItems: value =>
    Array.isArray(value) && new Set(value.map(item => JSON.stringify(item))).size < value.length
      ? 'has the same item twice'
      : undefined,
  minProperties: (value, min) =>
    isRecord(value) && Object.keys(value).length < (min as number) ? `has fewer than ${min} properties` : undefined,
  maxProperties: (value, max) =>
    isRecord(value) && Object.keys(value).length > (max as number) ? `has more than ${max} properties` : undefined,
  required: (value, names) => {
    const missing = isRecord(value) ? (names as string[]).filter(name => !Object.hasOwn(value, name)) : []
    return missing.length === 0 ? undefined : `lacks ${missing.join(', ')}`
  },
  dependentRequired: (value, map) => {
    if (!isRecord(value)) return undefined
    for (const [name, needed] of Object.entries(map as Record<string, string[]>)) {
      const missing = needed.filter(other => !Object.hasOwn(value, other))
      if (Object.hasOwn(value, name) && missing.length > 0) return `has ${name} without ${missing.join(', ')}`
    }
    return undefined
  },
  items: (value, schema, at, walk) => {
    if (Array.isArray(value))
      for (const [index, item] of value.entries()) check(item, schema as Schema, `${at}/${index}`, walk)
    return undefined
  },
  properties: (value, schemas, at, walk) => {
    if (!isRecord(value)) return undefined
    for (const [name, schema] of Object.entries(schemas as Record<string, Schema>)) {
      if (Object.hasOwn(value, name)) check(value[name], schema, `${at}/${name}`, walk)
    }
    return undefined
  },
  additionalProperties: (value, schema, at, walk, { properties = {} }: { properties?: object }) => {
    if (!isRecord(value)) return undefined
    for (const name of Object.keys(value).filter(key => !Object.hasOwn(properties, key))) {
      check(value[name], schema as Schema, `${at}/${name}`, walk)
    }
    return undefined
  },
  oneOf: (value, schemas, _at, { root }) => {
    const fitting = (schemas as Schema[]).filter(schema => fitsSchema(value, schema, root))
    if (fitting.length === 1) return undefined
    const names = (schemas as Schema[]).map(alternative).join(' | ')
    return fitting.length === 0 ? `is none of ${names}` : `is more than one of ${names}`
  },
  $ref: (value, ref, at, walk) => {
    check(value, resolve(ref as string, walk.root), at, walk)
    return undefined
  },
}

/** What tells an alternative from the others, in a word. */
function alternative(schema: Schema): string {
  if (typeof schema === 'boolean') return String(schema)
  return Array.isArray(schema['required']) ? schema['required'].join('+') : String(schema['$ref'] ?? schema['title'])
}

function resolve(ref: string, root: Schema): Schema {
  let schema: unknown = root
  for (const part of ref.split('/').slice(1)) schema = (schema as Readonly<Record<string, unknown>> | undefined)?.[part]
  if (schema === undefined) throw new TypeError(`schema reference ${ref} leads nowhere`)
  return schema as Schema
}

function isOfType(value: unknown, type: unknown): boolean {
  const types = Array.isArray(type) ? type : [type]
  const actual = typeOf(value)
  return types.some(one => one === actual || (one === 'number' && actual === 'integer'))
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
