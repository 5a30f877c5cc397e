import type { Json, RawSchema } from '../ir.js'
import { isIdentifier, quote } from '../names.js'
import { RULES } from './check-rules.js'
import { literalText } from './type-text.js'

/** Knows the tag of a branch of a union: the constant that `property` has there. */
export type TagOf = (branch: RawSchema, property: string) => string

type Step = string | { readonly code: string }

/** A value inside the function that is being written, and the schema that it is checked with. */
interface Place {
  /** JavaScript that reads the value: the parameter or a constant. */
  readonly value: string
  /** JSON pointer from the parameter to the value: texts, and JavaScript in between. */
  readonly path: readonly Step[]
  /** JSON pointer to the schema. */
  readonly rule: string
}

/**
 * The keywords that lint lets through, with the type that they concern. Only the first violation is reported, so the
 * order counts; it is Ajv's. A wrong type is a violation at the place of that type's keywords, or before all where
 * there are none.
 */
const GROUPS: readonly { readonly type?: string; readonly keywords: readonly string[] }[] = [
  { keywords: ['const', 'enum', 'anyOf', 'oneOf', 'allOf'] },
  { type: 'number', keywords: ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf'] },
  { type: 'string', keywords: ['maxLength', 'minLength', 'pattern'] },
  { type: 'array', keywords: ['maxItems', 'minItems', 'items', 'uniqueItems'] },
  {
    type: 'object',
    keywords: ['maxProperties', 'minProperties', 'required', 'additionalProperties', 'properties', 'discriminator'],
  },
]

/** JavaScript that is true for a value of the type, and JavaScript that is true for any other. */
const TYPES: Readonly<Record<string, (value: string) => readonly [is: string, isNot: string]>> = {
  string: value => [`typeof ${value} === 'string'`, `typeof ${value} !== 'string'`],
  boolean: value => [`typeof ${value} === 'boolean'`, `typeof ${value} !== 'boolean'`],
  number: value => [`Number.isFinite(${value})`, `!Number.isFinite(${value})`],
  integer: value => [`Number.isInteger(${value})`, `!Number.isInteger(${value})`],
  null: value => [`${value} === null`, `${value} !== null`],
  array: value => [`Array.isArray(${value})`, `!Array.isArray(${value})`],
  object: value => [
    `typeof ${value} === 'object' && ${value} !== null && !Array.isArray(${value})`,
    `typeof ${value} !== 'object' || ${value} === null || Array.isArray(${value})`,
  ],
}

/** Names that objects have without anybody having put them there. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))

/**
 * The text of `check<id>`, which returns the errors of its argument or null, and of what only it uses. References are
 * calls of `check<$ref>`; everything else is written out.
 */
export function checkText(id: string, schema: RawSchema, tagOf: TagOf): string {
  return new CheckWriter(id, tagOf).text(schema)
}

class CheckWriter {
  readonly #id: string
  readonly #tagOf: TagOf
  /** Regular expressions, and functions for branches that have no name. */
  readonly #parts: string[] = []
  #count = 0

  constructor(id: string, tagOf: TagOf) {
    this.#id = id
    this.#tagOf = tagOf
  }

  text(schema: RawSchema): string {
    const main = this.#function(`check${this.#id}`, schema, '#')
    return [...this.#parts, main].join('\n\n')
  }

  #function(name: string, schema: RawSchema, rule: string): string {
    const statements = this.#statements(schema, { value: 'data', path: [], rule })
    return [`function ${name}(data) {`, ...statements, 'return null', '}'].join('\n')
  }

  /** Statements that return at a violation. */
  #statements(schema: RawSchema | boolean, at: Place): string[] {
    if (schema === true) return []
    if (schema === false) return [`return ${error(at, 'false schema', '{}', "'boolean schema is false'")}`]
    if (typeof schema['$ref'] === 'string') return this.#delegate(`check${schema['$ref']}(${at.value})`, at)
    const types = [schema['type'] ?? []].flat() as string[]
    const known = types.length === 1 ? types[0] : undefined
    const groups = GROUPS.filter(({ keywords }) => keywords.some(keyword => schema[keyword] !== undefined))
    const ofType = groups.find(({ type }) => type !== undefined && type === known)
    const wrongType =
      types.length === 0
        ? []
        : returnIf(isNot(types, at.value), at, 'type', { type: schema['type'] as Json }, `must be ${types}`)
    const out = ofType === undefined ? [...wrongType] : []
    for (const group of groups) {
      if (group === ofType) out.push(...wrongType)
      const statements = this.#keywords(group.keywords, schema, at)
      const { type } = group
      const certain = type === undefined || type === known || (type === 'number' && known === 'integer')
      out.push(...(certain ? statements : block(is([type], at.value), statements)))
    }
    return out
  }

  #keywords(keywords: readonly string[], schema: RawSchema, at: Place): string[] {
    const properties = new Map<string, string>()
    return keywords.flatMap(keyword => {
      const expected = schema[keyword]
      if (expected === undefined) return []
      const rule = RULES[keyword]?.(at.value, expected as never)
      if (rule !== undefined) return returnIf(rule.violated, at, keyword, rule.params, rule.message)
      switch (keyword) {
        case 'pattern':
          return this.#pattern(String(expected), at)
        case 'anyOf':
        case 'oneOf':
          return schema['discriminator'] === undefined ? this.#union(keyword, expected as RawSchema[], at) : []
        case 'allOf':
          return (expected as RawSchema[]).flatMap((part, index) => this.#statements(part, inRule(at, 'allOf', index)))
        case 'items':
          return this.#items(expected as RawSchema, at)
        case 'uniqueItems':
          return expected === true ? this.#uniqueItems(schema['items'] as RawSchema | undefined, at) : []
        case 'required':
          return this.#required(expected as string[], properties, at)
        case 'additionalProperties':
          return this.#additional(expected as RawSchema | boolean, Object.keys(schema['properties'] ?? {}), at)
        case 'properties':
          return this.#properties(schema, properties, at)
        case 'discriminator':
          return this.#discriminator(schema, properties, at)
        default:
          throw new Error(`no code for the keyword ${keyword}`)
      }
    })
  }

  #pattern(pattern: string, at: Place): string[] {
    const name = this.#name(`${this.#id}_pattern`)
    this.#parts.push(`const ${name} = ${new RegExp(pattern, 'u')}`)
    return returnIf(`!${name}.test(${at.value})`, at, 'pattern', { pattern }, `must match pattern "${pattern}"`)
  }

  #union(keyword: string, branches: readonly RawSchema[], at: Place): string[] {
    const checks = branches.map((branch, index) => this.#branch(branch, inRule(at, keyword, index).rule))
    return this.#delegate(`${keyword}([${checks.join(', ')}], ${at.value}, ${quote(`${at.rule}/${keyword}`)})`, at)
  }

  /** Name of a function that checks a branch. */
  #branch(branch: RawSchema, rule: string): string {
    if (typeof branch['$ref'] === 'string') return `check${branch['$ref']}`
    const name = this.#name(`check${this.#id}_`)
    this.#parts.push(this.#function(name, branch, rule))
    return name
  }

  #discriminator(schema: RawSchema, properties: Map<string, string>, at: Place): string[] {
    const { propertyName: tag } = schema['discriminator'] as { readonly propertyName: string }
    const value = properties.get(tag)
    const here = { ...at, path: [] }
    const failure = (kind: string, message: string): string =>
      error(here, 'discriminator', `{ error: '${kind}', tag: ${quote(tag)}, tagValue: ${value} }`, quote(message))
    const cases = (schema['oneOf'] as readonly RawSchema[]).map((branch, index) => {
      const check = this.#branch(branch, inRule(at, 'oneOf', index).rule)
      return `: ${value} === ${quote(this.#tagOf(branch, tag))} ? ${check}(${at.value})`
    })
    const chosen = [
      `typeof ${value} !== 'string' ? ${failure('tag', `tag "${tag}" must be string`)}`,
      ...cases,
      `: ${failure('mapping', `value of tag "${tag}" must be in oneOf`)}`,
    ]
    return this.#delegate(chosen.join('\n'), at)
  }

  #items(items: RawSchema, at: Place): string[] {
    const [index, item] = [this.#name('i'), this.#name('data')]
    const path = [...at.path, '/', { code: index }]
    const statements = this.#statements(items, { value: item, path, rule: `${at.rule}/items` })
    if (statements.length === 0) return []
    return [
      `for (let ${index} = 0; ${index} < ${at.value}.length; ${index}++) {`,
      `const ${item} = ${at.value}[${index}]`,
      ...statements,
      '}',
    ]
  }

  #uniqueItems(items: RawSchema | undefined, at: Place): string[] {
    const types = [items?.['type'] ?? []].flat()
    const scalar = types.length > 0 && !types.includes('object') && !types.includes('array')
    const pair = this.#name('pair')
    const message = `\`must NOT have duplicate items (items ## \${${pair}.j} and \${${pair}.i} are identical)\``
    return [
      `const ${pair} = ${scalar ? 'repeatedScalar' : 'repeated'}(${at.value})`,
      `if (${pair} !== null) return ${error(at, 'uniqueItems', pair, message)}`,
    ]
  }

  #required(names: readonly string[], properties: Map<string, string>, at: Place): string[] {
    return names.flatMap(name => {
      const value = this.#name('data')
      properties.set(name, value)
      const message = `must have required property '${name}'`
      return [
        `const ${value} = ${read(at.value, name)}`,
        ...returnIf(`${value} === undefined`, at, 'required', { missingProperty: name }, message),
      ]
    })
  }

  #properties(schema: RawSchema, required: ReadonlyMap<string, string>, at: Place): string[] {
    return Object.entries(schema['properties'] as Readonly<Record<string, RawSchema>>).flatMap(([name, property]) => {
      // Ajv leaves it unchecked.
      if (name === '__proto__') return []
      const there = required.get(name)
      const value = there ?? this.#name('data')
      const path = [...at.path, `/${escapeStep(name)}`]
      const statements = this.#statements(property, { ...inRule(at, 'properties', name), value, path })
      if (there !== undefined || statements.length === 0) return statements
      return [`const ${value} = ${read(at.value, name)}`, ...block(`${value} !== undefined`, statements)]
    })
  }

  #additional(schema: RawSchema | boolean, declared: readonly string[], at: Place): string[] {
    const [key, value] = [this.#name('key'), this.#name('data')]
    const path = [...at.path, '/', { code: `pointerPart(${key})` }]
    const rule = `${at.rule}/additionalProperties`
    const closed = `'must NOT have additional properties'`
    const statements =
      schema === false
        ? [`return ${error(at, 'additionalProperties', `{ additionalProperty: ${key} }`, closed)}`]
        : this.#statements(schema, { value, path, rule })
    if (statements.length === 0) return []
    return [
      `for (const ${key} of Object.keys(${at.value})) {`,
      ...(declared.length === 0
        ? []
        : [`if (${declared.map(name => `${key} === ${quote(name)}`).join(' || ')}) continue`]),
      ...(schema === false ? [] : [`const ${value} = ${at.value}[${key}]`]),
      ...statements,
      '}',
    ]
  }

  /** Statements that return what `found` finds. */
  #delegate(found: string, at: Place): string[] {
    const errors = this.#name('errors')
    const returned = at.path.length === 0 ? errors : `under(${pathText(at.path)}, ${errors})`
    return [`const ${errors} = ${found}`, `if (${errors} !== null) return ${returned}`]
  }

  #name(prefix: string): string {
    return `${prefix}${this.#count++}`
  }
}

function is(types: readonly string[], value: string): string {
  return types.map(type => TYPES[type]?.(value)[0]).join(' || ')
}

function isNot(types: readonly string[], value: string): string {
  const texts = types.map(type => TYPES[type]?.(value)[1])
  return texts.length === 1 ? `${texts[0]}` : texts.map(text => `(${text})`).join(' && ')
}

function block(condition: string, statements: readonly string[]): string[] {
  return statements.length === 0 ? [] : [`if (${condition}) {`, ...statements, '}']
}

function returnIf(violated: string, at: Place, keyword: string, params: Json, message: string): string[] {
  return [`if (${violated}) return ${error(at, keyword, literalText(params), quote(message))}`]
}

/** JavaScript that makes the one error. */
function error(at: Place, keyword: string, params: string, message: string): string {
  return `error(${pathText(at.path)}, ${quote(`${at.rule}/${keyword}`)}, ${quote(keyword)}, ${params}, ${message})`
}

/**
 * JavaScript that reads a property. What an object gets from its prototype is taken for its own, as it is by whoever
 * reads the value later; only what every object has does not count.
 */
function read(value: string, name: string): string {
  if (INHERITED.has(name)) return `own(${value}, ${quote(name)})`
  return isIdentifier(name) ? `${value}.${name}` : `${value}[${quote(name)}]`
}

/** JavaScript of a path. */
function pathText(path: readonly Step[]): string {
  const parts: string[] = []
  let text = ''
  for (const step of path) {
    if (typeof step === 'string') text += step
    else {
      parts.push(quote(text), step.code)
      text = ''
    }
  }
  if (text !== '' || parts.length === 0) parts.push(quote(text))
  return parts.join(' + ')
}

function inRule(at: Place, keyword: string, step: string | number): Place {
  return { ...at, rule: `${at.rule}/${keyword}/${encodeURIComponent(escapeStep(String(step)))}` }
}

function escapeStep(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
