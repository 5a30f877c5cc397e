import type { LintRule } from '../rule.js'
import { items, own, stringsOf } from '../tree.js'

/** Decoding switches on the discriminator: a branch without its tag could never be reached. */
export const discriminator: LintRule = {
  id: 'WG010',
  name: 'discriminator',
  doc: 'Every branch of a discriminated union declares the tag, requires it, and makes it a string const.',
  *check(context) {
    for (const { schema, pointer } of context.schemas) {
      const tag = schema['discriminator']
      if (tag === undefined) continue
      if (typeof tag !== 'string' || schema['oneOf'] === undefined) {
        yield {
          pointer: `${pointer}/discriminator`,
          message: 'a discriminator is the name of a property and stands beside `oneOf`',
          hint: 'write `discriminator: <property>` and list the branches in `oneOf`',
        }
        continue
      }
      for (const [branch, at] of items(schema['oneOf'], `${pointer}/oneOf`)) {
        const target = context.follow(branch, at)
        if (target === undefined) continue
        const property = own(target.schema['properties'], tag)
        const resolved = context.follow(property, at)?.schema
        const missing =
          property === undefined
            ? `has no property \`${tag}\``
            : typeof own(resolved, 'const') !== 'string'
              ? `does not make \`${tag}\` a string const`
              : !stringsOf(target.schema['required']).includes(tag)
                ? `does not require \`${tag}\``
                : undefined
        if (missing === undefined) continue
        yield {
          pointer: at,
          message: `this branch ${missing}, the discriminator`,
          hint: `give ${target.pointer} a required property \`${tag}\` with \`const: <value>\``,
        }
      }
    }
  },
}
