import type { LintRule } from '../rule.js'
import { listOf } from '../tree.js'

/** One example shows the usual case and hides the optional fields. */
export const exampleCount: LintRule = {
  id: 'WG008',
  name: 'example-count',
  doc: 'A message has at least two examples, or one when its payload is a constant.',
  *check(context) {
    for (const { name, message, pointer, payload, payloadPointer } of context.messages) {
      const constant = context.follow(payload, payloadPointer)?.schema['const'] !== undefined
      const least = constant ? 1 : 2
      const count = listOf(message['examples']).length
      if (count >= least) continue
      yield {
        pointer: count === 0 ? pointer : `${pointer}/examples`,
        message: `message \`${name}\` has ${count === 0 ? 'no example' : 'only one example'}`,
        hint: constant ? 'add one' : 'add examples until there are two: the smallest payload, and one with every field',
      }
    }
  },
}
