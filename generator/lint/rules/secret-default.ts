import type { LintRule } from '../rule.js'
import { isObj } from '../tree.js'

/** A default is public: it stands in the package, the docs and `.env.example`. */
export const secretDefault: LintRule = {
  id: 'WG024',
  name: 'secret-default',
  doc: 'A secret has no default but an empty one.',
  *check({ schemas }) {
    for (const { schema, pointer } of schemas) {
      const value = schema['default']
      if (schema['x-wgrok-secret'] !== true || value === undefined || isEmpty(value)) continue
      yield {
        pointer: `${pointer}/default`,
        message: 'a secret must not have a default: it would be published',
        hint: 'remove the default and make the property required or optional',
      }
    }
  },
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === '') return true
  return Array.isArray(value) ? value.length === 0 : isObj(value) && Object.keys(value).length === 0
}
