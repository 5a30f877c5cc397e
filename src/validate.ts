import type { ValidationError } from '../generated/validators.js'

// The list of validators is the spec's; naming each here would only be a second copy of it.
export * from '../generated/messages.js'
export * from '../generated/validators.js'

/** One violation, for people: where, what was expected, and what kind of thing was there. Never holds a value. */
export interface Explanation {
  /** JSON pointer to the field; of a missing field, to where it belongs. '' is the data itself. */
  readonly pointer: string
  /** What would have been right, as half a sentence: `a string`, `at most 64 characters`. */
  readonly expected: string
  /** Type of what was there: `string`, `number`, `boolean`, `null`, `array`, `object`, or `nothing`. */
  readonly got?: string
  /** The JSON Schema keyword that failed. */
  readonly keyword: string
}

/**
 * Says in one line each what a validator found.
 *
 * @param errors `errors` of a validator that answered false
 * @param data what was validated; with it, `got` is known for every violation
 */
export function explain(errors: readonly ValidationError[] | null | undefined, data?: unknown): Explanation[] {
  return (errors ?? []).map(error => {
    const pointer = pointerOf(error)
    const got = gotOf(error, pointer, data)
    return { pointer, expected: expectedBy(error), ...(got === undefined ? {} : { got }), keyword: error.keyword }
  })
}

function pointerOf({ instancePath, keyword, params }: ValidationError): string {
  const missing = keyword === 'required' ? params['missingProperty'] : params['tag']
  return typeof missing === 'string' ? `${instancePath}/${escapePointer(missing)}` : instancePath
}

function gotOf({ keyword, params }: ValidationError, pointer: string, data: unknown): string | undefined {
  if (keyword === 'required') return 'nothing'
  if (keyword === 'discriminator') return typeName(params['tagValue'])
  return data === undefined ? undefined : typeName(valueAt(data, pointer))
}

const WRITERS: Readonly<Record<string, (params: ValidationError['params']) => string>> = {
  type: ({ type }) => typeWords(type),
  required: () => 'a value',
  const: ({ allowedValue }) => JSON.stringify(allowedValue),
  enum: ({ allowedValues }) => `one of ${listWords(allowedValues)}`,
  discriminator: ({ error }) => (error === 'tag' ? 'a string' : 'a type that the protocol names'),
  minLength: ({ limit }) => (limit === 1 ? 'text that is not empty' : `at least ${limit} characters`),
  maxLength: ({ limit }) => `at most ${limit} characters`,
  minItems: ({ limit }) => `at least ${limit} items`,
  maxItems: ({ limit }) => `at most ${limit} items`,
  minProperties: ({ limit }) => `at least ${limit} properties`,
  maxProperties: ({ limit }) => `at most ${limit} properties`,
  minimum: ({ limit }) => `at least ${limit}`,
  maximum: ({ limit }) => `at most ${limit}`,
  exclusiveMinimum: ({ limit }) => `more than ${limit}`,
  exclusiveMaximum: ({ limit }) => `less than ${limit}`,
  multipleOf: ({ multipleOf }) => `a multiple of ${multipleOf}`,
  pattern: ({ pattern }) => `text that matches ${pattern}`,
  format: ({ format }) => `a ${format}`,
  uniqueItems: () => 'items that differ',
  additionalProperties: () => 'only properties that the schema names',
}

function expectedBy({ keyword, params, message }: ValidationError): string {
  const write = Object.hasOwn(WRITERS, keyword) ? WRITERS[keyword] : undefined
  return write?.(params) ?? message ?? 'something else'
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
  null: 'null',
}

function typeWords(type: unknown): string {
  const names = Array.isArray(type) ? type : [type]
  return names.map(name => ARTICLES[String(name)] ?? String(name)).join(' or ')
}

function listWords(values: unknown): string {
  return Array.isArray(values) ? values.map(value => String(value)).join(', ') : 'the allowed values'
}

function typeName(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function valueAt(data: unknown, pointer: string): unknown {
  let value = data
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
