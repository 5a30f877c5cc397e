import type { LintRule } from '../rule.js'
import { items, own } from '../tree.js'

/** A required property without declaration is checked by the validator and missing from the type. */
export const requiredProperty: LintRule = {
  id: 'WG025',
  name: 'required-property',
  doc: 'Every required property is declared.',
  *check({ schemas }) {
    for (const { schema, pointer } of schemas) {
      if (schema['type'] !== 'object') continue
      for (const [name, at] of items(schema['required'], `${pointer}/required`)) {
        if (typeof name !== 'string' || own(schema['properties'], name) !== undefined) continue
        yield {
          pointer: at,
          message: `\`${name}\` is required and not declared`,
          hint: 'declare it under `properties`, or take it off `required`',
        }
      }
    }
  },
}
