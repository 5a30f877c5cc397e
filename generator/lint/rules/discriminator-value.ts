import type { LintRule } from '../rule.js'
import { items, own } from '../tree.js'

/** Two branches with one tag: the second would never be chosen. */
export const discriminatorValue: LintRule = {
  id: 'WG011',
  name: 'discriminator-value',
  doc: 'No two branches of a discriminated union have the same tag value.',
  *check(context) {
    for (const { schema, pointer } of context.schemas) {
      const tag = schema['discriminator']
      if (typeof tag !== 'string') continue
      const first = new Map<unknown, number>()
      let index = -1
      for (const [branch, at] of items(schema['oneOf'], `${pointer}/oneOf`)) {
        index++
        const property = own(context.follow(branch, at)?.schema['properties'], tag)
        const value = own(context.follow(property, at)?.schema, 'const')
        if (value === undefined) continue
        const earlier = first.get(value)
        if (earlier === undefined) first.set(value, index)
        else {
          yield {
            pointer: at,
            message: `\`${tag}: ${String(value)}\` is already the tag of branch ${earlier + 1}`,
            hint: 'give every branch a value of its own',
          }
        }
      }
    }
  },
}
