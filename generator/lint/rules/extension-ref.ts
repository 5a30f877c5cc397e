import type { LintRule } from '../rule.js'
import { isObj } from '../tree.js'

/** The parser leaves references inside extensions alone. */
export const extensionRef: LintRule = {
  id: 'WG015',
  name: 'extension-ref',
  doc: 'A `$ref` inside an `x-wgrok-*` extension leads to a schema that exists.',
  *check(context) {
    for (const { ref, pointer, extension } of context.refs) {
      if (extension === undefined) continue
      const good =
        typeof ref === 'string' && ref.startsWith('#/components/schemas/') && isObj(context.resolve(ref)?.value)
      if (good) continue
      yield {
        pointer: `${pointer}/$ref`,
        message: `\`${String(ref)}\` in \`${extension}\` is not a schema of this document`,
        hint: 'define it under components.schemas, or correct the $ref',
      }
    }
  },
}
