import { joinPointer } from '../../pointer.js'
import type { LintRule } from '../rule.js'
import { items, type Obj, stringsOf } from '../tree.js'

/** A value of the wrong type can never occur, yet it would be in the generated type. */
export const enumValue: LintRule = {
  id: 'WG026',
  name: 'enum-value',
  doc: "Enum values and consts are scalars of the schema's type, and no value is listed twice.",
  *check({ schemas }) {
    for (const { schema, pointer } of schemas) {
      const seen = new Set<unknown>()
      const values: [unknown, string][] = [...items(schema['enum'], joinPointer(pointer, 'enum'))]
      if (Object.hasOwn(schema, 'const')) values.push([schema['const'], joinPointer(pointer, 'const')])
      for (const [value, at] of values) {
        if (typeof value === 'object' && value !== null) {
          yield {
            pointer: at,
            message: 'only scalar values are supported here',
            hint: 'describe objects with properties',
          }
        } else if (!hasType(schema, value)) {
          yield {
            pointer: at,
            message: `${JSON.stringify(value)} is not of type ${JSON.stringify(schema['type'])}`,
            hint: 'correct the value or the type; text that looks like a number or boolean needs quotes',
          }
        } else if (seen.has(value) && at.includes('/enum/')) {
          yield { pointer: at, message: `${JSON.stringify(value)} is listed twice`, hint: 'remove one' }
        }
        seen.add(value)
      }
    }
  },
}

function hasType(schema: Obj, value: unknown): boolean {
  const written = schema['type']
  const types = typeof written === 'string' ? [written] : stringsOf(written)
  if (types.length === 0) return true
  if (value === null) return types.includes('null')
  if (Number.isInteger(value) && types.includes('integer')) return true
  return types.includes(typeof value)
}
