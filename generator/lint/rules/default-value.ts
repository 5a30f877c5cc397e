import type { LintRule } from '../rule.js'

/** A default that the schema refuses would be handed to the program all the same. */
export const defaultValue: LintRule = {
  id: 'WG005',
  name: 'default-value',
  doc: 'A default satisfies its own schema.',
  *check({ schemas, ajv }) {
    for (const { schema, pointer } of schemas) {
      if (schema['default'] === undefined) continue
      const complaint = ajv.complaint(schema, schema['default'])
      if (complaint === undefined) continue
      yield {
        pointer: `${pointer}/default`,
        message: `the default does not satisfy its schema: ${complaint}`,
        hint: 'correct the default or the schema',
      }
    }
  },
}
