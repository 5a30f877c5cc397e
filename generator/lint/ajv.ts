import { createRequire } from 'node:module'
import type { Ajv2020, ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { MissingPeerError } from '../peers.js'
import { patternError } from './pattern.js'
import { isObj, items, listOf, members, type Obj, own, stringsOf } from './tree.js'

const SPEC_ID = 'https://wgrok.dev/spec'
const SCHEMAS = '#/components/schemas/'
const TYPES = new Set<unknown>(['string', 'integer', 'number', 'boolean', 'null', 'array', 'object'])
/** Keywords that are passed to Ajv as they are, if their value has the type that Ajv expects. */
const PASSED: Readonly<Record<string, (value: unknown) => boolean>> = {
  type: value => [value].flat().length > 0 && [value].flat().every(type => TYPES.has(type)),
  const: () => true,
  enum: value => listOf(value).length > 0,
  required: value => stringsOf(value).length === listOf(value).length && new Set(stringsOf(value)).size > 0,
  pattern: value => typeof value === 'string' && patternError(value) === undefined,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isNumber,
  exclusiveMaximum: isNumber,
  multipleOf: value => isNumber(value) && (value as number) > 0,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minProperties: isCount,
  maxProperties: isCount,
  uniqueItems: value => typeof value === 'boolean',
}

/** Why data does not satisfy a schema. */
export interface Failure {
  /** JSON pointer into the data, '' for the data itself. */
  readonly path: string
  readonly message: string
}

/** Checks data against the schemas of the spec, and extension values against theirs. */
export class LintAjv {
  private readonly ajv: Ajv2020
  private readonly compiled = new Map<Obj, ValidateFunction>()
  private readonly names: ReadonlySet<string>
  private readonly root: Obj

  /** @throws MissingPeerError without ajv */
  constructor(root: Obj) {
    const Ajv = requireAjv()
    this.ajv = new Ajv({
      strict: false,
      discriminator: true,
      ownProperties: true,
      logger: false,
      // What would be wrong with a schema is what the rules look for; checking it here takes most of the time.
      meta: false,
      validateSchema: false,
      validateFormats: false,
    })
    this.root = root
    const schemas = own(root['components'], 'schemas')
    this.names = new Set(isObj(schemas) ? Object.keys(schemas) : [])
    const $defs: Record<string, unknown> = {}
    for (const [name, schema] of members(schemas, '')) define($defs, name, this.normalise(schema))
    this.ajv.addSchema({ $id: SPEC_ID, $defs })
  }

  /** What is wrong with `data`, or undefined when it satisfies a schema of the spec. */
  complaint(schema: Obj, data: unknown): string | undefined {
    const failure = this.run(schema, () => this.normalise(schema), data)
    return failure && `${failure.path} ${failure.message}`.trimStart()
  }

  /** The first thing that is wrong with `data`, or undefined when it satisfies a plain JSON Schema. */
  failure(schema: Obj, data: unknown): Failure | undefined {
    return this.run(schema, () => schema, data)
  }

  private run(key: Obj, build: () => Obj, data: unknown): Failure | undefined {
    try {
      let validate = this.compiled.get(key)
      if (validate === undefined) {
        validate = this.ajv.compile(build())
        this.compiled.set(key, validate)
      }
      if (validate(data)) return undefined
      const error = validate.errors?.[0]
      return { path: error?.instancePath ?? '', message: describe(error) }
    } catch (cause) {
      // A schema that refers to itself without end; or a mistake that another rule explains better.
      return { path: '', message: `cannot be checked: ${(cause as Error).message}` }
    }
  }

  /** The schema with only what Ajv shall see: no documentation, no `x-*`, nothing that would stop it. */
  private normalise(value: unknown): Obj {
    if (!isObj(value)) return {}
    const out: Record<string, unknown> = {}
    for (const [keyword, child] of Object.entries(value)) {
      if (PASSED[keyword]?.(child) === true) out[keyword] = child
    }
    const ref = value['$ref']
    if (typeof ref === 'string' && this.names.has(ref.slice(SCHEMAS.length)) && ref.startsWith(SCHEMAS)) {
      out['$ref'] = `${SPEC_ID}#/$defs/${ref.slice(SCHEMAS.length)}`
    }
    if (isObj(value['properties'])) {
      const properties: Record<string, unknown> = {}
      for (const [name, child] of members(value['properties'], '')) define(properties, name, this.normalise(child))
      out['properties'] = properties
    }
    const rest = value['additionalProperties']
    if (typeof rest === 'boolean') out['additionalProperties'] = rest
    else if (isObj(rest)) out['additionalProperties'] = this.normalise(rest)
    if (isObj(value['items'])) out['items'] = this.normalise(value['items'])
    for (const keyword of ['oneOf', 'anyOf', 'allOf']) {
      const branches = listOf(value[keyword])
      if (branches.length > 0) out[keyword] = branches.map(branch => this.normalise(branch))
    }
    const tag = value['discriminator']
    if (typeof tag === 'string' && isTagged(value, tag, this.root)) {
      Object.assign(out, { type: 'object', required: [tag], discriminator: { propertyName: tag } })
    }
    return out
  }
}

/** True when Ajv can dispatch on the tag: every branch has it as a distinct, required string const. */
function isTagged(union: Obj, tag: string, root: Obj): boolean {
  const tags = [...items(union['oneOf'], '')].map(([branch]) => {
    const ref = own(branch, '$ref')
    const target = typeof ref === 'string' ? own(own(root['components'], 'schemas'), ref.slice(SCHEMAS.length)) : branch
    const value = own(own(own(target, 'properties'), tag), 'const')
    return typeof value === 'string' && stringsOf(own(target, 'required')).includes(tag) ? value : undefined
  })
  return tags.length > 0 && !tags.includes(undefined) && new Set(tags).size === tags.length
}

/** Sets an own property, also when it is called `__proto__`. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return 'does not match'
  const extra = error.params['additionalProperty'] ?? error.params['allowedValue'] ?? error.params['allowedValues']
  const detail = extra === undefined ? '' : ` (${JSON.stringify(extra)})`
  return `${error.message ?? 'does not match'}${detail}`
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value)
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0
}

/** Loads Ajv without `await`: lint rules are plain functions. */
function requireAjv(): typeof Ajv2020 {
  try {
    return (createRequire(import.meta.url)('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020 }).Ajv2020
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') throw new MissingPeerError(['ajv'], cause)
    throw cause
  }
}
