import { readExtensionSchemas } from '../extensions.js'
import type { LintRule } from '../rule.js'

/** The parser accepts anything below an `x-` key. */
export const extensionValue: LintRule = {
  id: 'WG014',
  name: 'extension-value',
  doc: 'The value of an `x-wgrok-*` extension satisfies its schema in `generator/x-schemas/`.',
  *check({ extensions, ajv }) {
    const schemas = new Map(readExtensionSchemas().map(({ name, schema }) => [name, schema]))
    for (const { name, value, pointer } of extensions) {
      const schema = schemas.get(name)
      if (schema === undefined) continue
      const complaint = ajv.failure(schema, value)
      if (complaint === undefined) continue
      yield {
        pointer: pointer + complaint.path,
        message: `\`${name}\`: ${complaint.message}`,
        hint: `see generator/x-schemas/${name}.schema.json`,
      }
    }
  },
}
