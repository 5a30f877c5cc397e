import { Ajv, type ValidateFunction } from 'ajv'
import { validatorSchema } from '../../generator/emit/schema-text.js'
import type { Json, Spec } from '../../generator/ir.js'

/** What Ajv itself says, in memory, about the schemas that the validators were generated from. */
export class AjvOracle {
  private readonly ajv = new Ajv({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    discriminator: true,
    // So that the places of the rules are told from each schema, as ours are.
    inlineRefs: false,
    ownProperties: true,
    logger: false,
  })

  constructor(spec: Spec) {
    for (const model of spec.models) {
      if (!model.inline) this.ajv.addSchema({ $id: model.name, ...validatorSchema(model.schema) })
    }
  }

  validator(name: string): ValidateFunction {
    const found = this.ajv.getSchema(name)
    if (found === undefined) throw new Error(`no schema ${name}`)
    return found as ValidateFunction
  }
}

const REPLACEMENTS: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e9,
  '',
  ' ',
  'x',
  'x'.repeat(65),
  '💬',
  [],
  ['x', 'x'],
  {},
  { type: 'message' },
]

/** A value and its neighbours: each part left out, or replaced by something of another type or size. */
export function mutations(value: Json): Json[] {
  const out: Json[] = [value, ...REPLACEMENTS]
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      for (const changed of mutations(item)) out.push(value.with(index, changed))
    })
    out.push([...value, ...value], [...value, null])
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, child] of Object.entries(value)) {
      const { [name]: _, ...rest } = value as Record<string, Json>
      out.push(rest)
      for (const changed of mutations(child)) out.push({ ...value, [name]: changed })
    }
    out.push({ ...value, unexpected: 1 })
  } else if (typeof value === 'string') {
    out.push(`${value}x`, value.slice(1), value.toUpperCase(), `${value}\n`)
  } else if (typeof value === 'number') out.push(value + 1, value - 1, -value, value / 7)
  return out
}

/** A value that a schema may well accept: from its consts, enums and types. */
export function sampleOf(spec: Spec, schema: unknown, depth = 0): Json {
  const node = schema as Record<string, unknown>
  if (typeof node['$ref'] === 'string') {
    const name = node['$ref'].split('/').at(-1)
    return depth > 6 ? {} : sampleOf(spec, spec.models.find(model => model.name === name)?.schema ?? {}, depth + 1)
  }
  if ('const' in node) return node['const'] as Json
  if (Array.isArray(node['enum'])) return node['enum'][0] as Json
  if (Array.isArray(node['oneOf'])) return sampleOf(spec, node['oneOf'][0], depth + 1)
  const type = Array.isArray(node['type']) ? node['type'][0] : node['type']
  switch (type) {
    case 'object': {
      const properties = Object.entries((node['properties'] ?? {}) as Record<string, unknown>)
      return Object.fromEntries(properties.map(([name, child]) => [name, sampleOf(spec, child, depth + 1)]))
    }
    case 'array':
      return depth > 6 || node['items'] === undefined ? [] : [sampleOf(spec, node['items'], depth + 1)]
    case 'integer':
    case 'number':
      return (node['minimum'] as number | undefined) ?? 1
    case 'boolean':
      return true
    case 'null':
      return null
    default:
      return 'a'.repeat((node['minLength'] as number | undefined) ?? 1)
  }
}
