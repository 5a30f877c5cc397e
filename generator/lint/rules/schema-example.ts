import type { LintRule } from '../rule.js'
import { items } from '../tree.js'

/** Examples of a schema are documentation that must not lie. */
export const schemaExample: LintRule = {
  id: 'WG006',
  name: 'schema-example',
  doc: 'Every example of a schema satisfies it.',
  *check({ schemas, ajv }) {
    for (const { schema, pointer } of schemas) {
      for (const [example, at] of items(schema['examples'], `${pointer}/examples`)) {
        const complaint = ajv.complaint(schema, example)
        if (complaint === undefined) continue
        yield {
          pointer: at,
          message: `the example does not satisfy its schema: ${complaint}`,
          hint: 'correct the example or the schema',
        }
      }
    }
  },
}
