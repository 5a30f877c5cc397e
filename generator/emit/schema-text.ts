import type { RawSchema } from '../ir.js'

const SCHEMAS = '#/components/schemas/'
/** Keywords whose value maps names to schemas: there a key is a name, never a keyword. */
const NAME_MAPS = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'])
/** Keywords whose value is data. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'required', 'type'])
const ANNOTATIONS = new Set(['description', 'title', 'examples', 'default', 'deprecated', 'readOnly', 'writeOnly'])

type Rewrite = (name: string, value: unknown) => [string, unknown] | undefined

/** The schema as validators are made from it: annotations and `x-*` gone, references by name, the discriminator as Ajv has it. */
export function validatorSchema(schema: RawSchema): RawSchema {
  return mapSchema(
    schema,
    (name, value) => {
      if (name.startsWith('x-') || ANNOTATIONS.has(name)) return undefined
      if (name === '$ref') return [name, String(value).slice(SCHEMAS.length)]
      return [name, value]
    },
    withDiscriminator,
  )
}

/** The schema as published: draft 2020-12, references into `$defs`, `x-*` and the discriminator gone. */
export function publishedSchema(schema: RawSchema): RawSchema {
  return mapSchema(schema, (name, value) => {
    if (name.startsWith('x-') || name === 'discriminator') return undefined
    if (name === '$ref') return [name, `#/$defs/${String(value).slice(SCHEMAS.length)}`]
    return [name, value]
  })
}

/** Names of the components schemas that a raw schema refers to directly. */
export function refsIn(schema: unknown): string[] {
  const names: string[] = []
  if (typeof schema === 'object' && schema !== null) {
    mapSchema(schema as RawSchema, (name, value) => {
      if (name === '$ref' && typeof value === 'string') names.push(value.slice(SCHEMAS.length))
      return [name, value]
    })
  }
  return names
}

function mapSchema(schema: RawSchema, rewrite: Rewrite, finish: (schema: RawSchema) => RawSchema = same): RawSchema {
  const out: [string, unknown][] = []
  for (const [name, value] of Object.entries(schema)) {
    const entry = rewrite(name, value)
    if (entry === undefined) continue
    out.push([entry[0], DATA.has(name) ? entry[1] : mapValue(name, entry[1], rewrite, finish)])
  }
  return finish(Object.fromEntries(out))
}

function mapValue(name: string, value: unknown, rewrite: Rewrite, finish: (schema: RawSchema) => RawSchema): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    return value.map(item => (isSchema(item) ? mapSchema(item, rewrite, finish) : item))
  }
  if (!NAME_MAPS.has(name)) return mapSchema(value as RawSchema, rewrite, finish)
  const children = Object.entries(value).map(([key, child]) => [
    key,
    isSchema(child) ? mapSchema(child, rewrite, finish) : child,
  ])
  return Object.fromEntries(children)
}

/** AsyncAPI writes `discriminator: type`; Ajv wants an object, a type, and the property to be required. */
function withDiscriminator(schema: RawSchema): RawSchema {
  const property = schema['discriminator']
  if (typeof property !== 'string') return schema
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : []
  return {
    ...schema,
    type: 'object',
    required: required.includes(property) ? required : [...required, property],
    discriminator: { propertyName: property },
  }
}

function isSchema(value: unknown): value is RawSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function same(schema: RawSchema): RawSchema {
  return schema
}
