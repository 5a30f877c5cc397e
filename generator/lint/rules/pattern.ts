import { joinPointer } from '../../pointer.js'
import { patternError } from '../pattern.js'
import type { LintRule } from '../rule.js'
import { members, own } from '../tree.js'

/** A broken pattern would otherwise only fail inside Ajv, without a line. */
export const pattern: LintRule = {
  id: 'WG003',
  name: 'pattern',
  doc: 'Every regular expression compiles with the `u` flag.',
  *check({ root, schemas }) {
    const places: [unknown, string][] = schemas.map(({ schema, pointer }) => [schema['pattern'], `${pointer}/pattern`])
    for (const [, platform, pointer] of members(root['x-wgrok-platforms'], '#/x-wgrok-platforms')) {
      places.push([own(platform, 'fragile'), joinPointer(pointer, 'fragile')])
    }
    for (const [source, pointer] of places) {
      const error = typeof source === 'string' ? patternError(source) : undefined
      if (error === undefined) continue
      yield {
        pointer,
        message: `the regular expression does not compile: ${error}`,
        hint: 'correct it; with the u flag only syntax characters may be escaped',
      }
    }
  },
}
