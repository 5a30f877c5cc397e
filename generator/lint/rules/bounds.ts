import { joinPointer } from '../../pointer.js'
import type { LintRule } from '../rule.js'
import type { Obj } from '../tree.js'

const PAIRS: readonly (readonly [low: string, high: string, strict: boolean])[] = [
  ['minimum', 'maximum', false],
  ['minimum', 'exclusiveMaximum', true],
  ['exclusiveMinimum', 'maximum', true],
  ['exclusiveMinimum', 'exclusiveMaximum', true],
  ['minLength', 'maxLength', false],
  ['minItems', 'maxItems', false],
  ['minProperties', 'maxProperties', false],
]

/** Bounds that exclude every value are accepted by the parser. */
export const bounds: LintRule = {
  id: 'WG004',
  name: 'bounds',
  doc: 'A lower bound does not exceed the upper one.',
  *check({ schemas }) {
    for (const { schema, pointer } of schemas) {
      for (const [low, high, strict] of PAIRS) {
        const [least, most] = [number(schema, low), number(schema, high)]
        if (least === undefined || most === undefined || least < most || (least === most && !strict)) continue
        yield {
          pointer: joinPointer(pointer, low),
          message: `\`${low}\` ${least} and \`${high}\` ${most} leave no value`,
          hint: `lower \`${low}\` or raise \`${high}\``,
        }
      }
    }
  },
}

function number(schema: Obj, key: string): number | undefined {
  const value = schema[key]
  return typeof value === 'number' ? value : undefined
}
