import type { LintRule } from '../rule.js'
import { members, own } from '../tree.js'

/** One variable with two readings: whichever is right, the other is wrong. */
export const configDuplicate: LintRule = {
  id: 'WG023',
  name: 'config-duplicate',
  doc: 'A variable sets one property of a config, and has the same format in every config.',
  *check({ schemas }) {
    const formats = new Map<string, { readonly format: unknown; readonly pointer: string }>()
    for (const { schema, pointer } of schemas) {
      if (schema['x-wgrok-config'] === undefined) continue
      const fields = new Map<string, string>()
      for (const [name, property, at] of members(schema['properties'], `${pointer}/properties`)) {
        const env = own(property, 'x-wgrok-env')
        const variable = own(env, 'name')
        if (typeof variable !== 'string') continue
        const other = fields.get(variable)
        const elsewhere = formats.get(variable)
        if (other !== undefined) {
          yield {
            pointer: `${at}/x-wgrok-env`,
            message: `${variable} already sets \`${other}\``,
            hint: 'give this property a variable of its own, or remove one of the two',
          }
        } else if (elsewhere !== undefined && elsewhere.format !== own(env, 'format')) {
          yield {
            pointer: `${at}/x-wgrok-env`,
            message: `${variable} has another format at ${elsewhere.pointer}`,
            hint: 'read one variable in one way: use the same format in both',
          }
        }
        fields.set(variable, other ?? name)
        formats.set(variable, elsewhere ?? { format: own(env, 'format'), pointer: at })
      }
    }
  },
}
