import fc from 'fast-check'
import { expect, it } from 'vitest'
import { emitValidators } from '../../generator/emit/validators.js'
import type { Json, Model, Spec } from '../../generator/ir.js'
import { AjvOracle, mutations, sampleOf } from './ajv-oracle.js'
import { irOf } from './render-text.js'

type Schema = Readonly<Record<string, unknown>>
type Validator = ((data: unknown) => boolean) & { readonly errors?: unknown }

const NAMES = ['Anna', 'Berta', 'Clara', 'Dora']
const PROPERTIES = ['a', 'b~/', 'toString', "it's", '1', 'é 💬']

const low = fc.integer({ min: -2, max: 2 })
const count = fc.integer({ min: 0, max: 3 })
const bounds = (least: string, most: string): fc.Arbitrary<Schema> =>
  fc.record({ [least]: count, [most]: count }, { requiredKeys: [] })
const typed = (type: string | readonly string[], more: fc.Arbitrary<Schema> = fc.constant({})): fc.Arbitrary<Schema> =>
  more.map(schema => ({ type, ...schema }))

const numeric = fc.record(
  { minimum: low, maximum: low, exclusiveMinimum: low, exclusiveMaximum: low, multipleOf: fc.constantFrom(1, 2, 0.5) },
  { requiredKeys: [] },
)
const text = fc
  .tuple(bounds('minLength', 'maxLength'), fc.constantFrom({}, { pattern: '^\\w' }, { pattern: '[^/"]$' }))
  .map(([lengths, pattern]) => ({ ...lengths, ...pattern }))
const scalar = fc.constantFrom('x', '💬', 1, true, null)

/** Every keyword that lint lets through. References only lead to schemas further down: nothing is endless. */
function schemaAt(level: number, depth = 2): fc.Arbitrary<Schema> {
  const later = NAMES.slice(level + 1)
  const leaves = [
    fc.constant({}),
    typed('string', text),
    typed('integer', numeric),
    typed('number', numeric),
    fc.constantFrom('boolean', 'null', ['string', 'null'], ['integer', 'array', 'object']).map(type => ({ type })),
    typed(['string', 'null'], text),
    scalar.map(value => ({ const: value })),
    fc.uniqueArray(scalar, { minLength: 1 }).map(values => ({ enum: values })),
    typed('string', fc.constant({ maxLength: 1, enum: ['x', 'xx', '💬'] })),
    ...later.map(name => fc.constant({ $ref: `#/components/schemas/${name}` })),
  ]
  if (depth === 0) return fc.oneof(...leaves)
  const inner = schemaAt(level, depth - 1)
  const properties = fc.dictionary(fc.constantFrom(...PROPERTIES), inner, { maxKeys: 3, noNullPrototype: true })
  const object = fc.record(
    {
      properties,
      required: fc.uniqueArray(fc.constantFrom(...PROPERTIES), { minLength: 1, maxLength: 2 }),
      additionalProperties: fc.oneof(fc.boolean(), inner),
      minProperties: count,
      maxProperties: count,
    },
    { requiredKeys: [] },
  )
  const list = fc
    .tuple(bounds('minItems', 'maxItems'), fc.record({ items: inner, uniqueItems: fc.boolean() }, { requiredKeys: [] }))
    .map(([lengths, rest]) => ({ ...lengths, ...rest }))
  const branches = fc.array(inner, { minLength: 1, maxLength: 3 })
  return fc.oneof(
    ...leaves,
    { arbitrary: typed('object', object), weight: 5 },
    { arbitrary: typed('array', list), weight: 3 },
    ...['oneOf', 'anyOf', 'allOf'].map(keyword => branches.map(value => ({ [keyword]: value }))),
  )
}

/** A union that is told by a tag. */
const tagged: fc.Arbitrary<Schema> = fc.constant({
  discriminator: 'tag',
  oneOf: ['One', 'Two'].map(name => ({ $ref: `#/components/schemas/${name}` })),
})
const branch = (tag: string): Schema => ({
  type: 'object',
  required: ['tag'],
  properties: { tag: { type: 'string', const: tag }, size: { type: 'integer' } },
})

const schemas = fc
  .tuple(
    ...NAMES.map((_, level) => fc.oneof({ arbitrary: schemaAt(level), weight: 9 }, { arbitrary: tagged, weight: 1 })),
  )
  .map(all => ({
    ...Object.fromEntries(NAMES.map((name, index) => [name, all[index]])),
    One: branch('one'),
    Two: branch('two'),
  }))

/** Without huge numbers: Ajv says that 1e21 is no multiple of 1. */
const anything = fc.jsonValue({ maxDepth: 3 }).filter(value => !/e\+/.test(JSON.stringify(value)))

/** Without the names and types that the IR finds for the parts: they do not matter here. */
function modelOf(name: string, schema: Schema): Model {
  const pointer = `#/components/schemas/${name}`
  return { kind: 'alias', name, pointer, schema, type: { kind: 'unknown' }, deprecated: false, inline: false }
}

it('says of any value what Ajv says, with the same errors, whatever the schemas', async () => {
  const empty = await irOf("{ asyncapi: 3.0.0, info: { title: t, version: '1' }, x-wgrok-perspective: server }")
  const seen = { accepted: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(schemas, fc.array(anything, { maxLength: 5 }), async (all, random) => {
      const spec: Spec = { ...empty, models: Object.entries(all).map(([name, schema]) => modelOf(name, schema)) }
      const [file] = emitValidators(spec, { specName: 'spec.yaml' })
      const code = Buffer.from(file?.text ?? '').toString('base64')
      const validators = (await import(`data:text/javascript;base64,${code}`)) as Record<string, Validator>
      const oracle = new AjvOracle(spec)
      for (const name of Object.keys(all)) {
        const [ours, theirs] = [validators[`validate${name}`], oracle.validator(name)]
        const values = [...mutations(sampleOf(spec, { $ref: `#/components/schemas/${name}` })), ...(random as Json[])]
        for (const value of values) {
          const verdict = theirs(value)
          expect({ value, verdict: ours?.(value), errors: ours?.errors }).toEqual({
            value,
            verdict,
            errors: theirs.errors,
          })
          seen[verdict ? 'accepted' : 'refused']++
        }
      }
    }),
    { numRuns: 200 },
  )
  expect(seen.accepted).toBeGreaterThan(1_000)
  expect(seen.refused).toBeGreaterThan(1_000)
}, 60_000)
