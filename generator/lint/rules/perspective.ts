import type { LintRule } from '../rule.js'
import { members, objOf } from '../tree.js'

/** `send` means nothing without knowing who sends. */
export const perspective: LintRule = {
  id: 'WG018',
  name: 'perspective',
  doc: 'The spec says whose `send` and `receive` its operations describe.',
  *check({ root }) {
    if (root['x-wgrok-perspective'] !== undefined) return
    const [first] = members(objOf(root['operations']), '#/operations')
    yield {
      pointer: first === undefined ? '#' : '#/operations',
      message: 'nothing says whose `send` and `receive` the operations describe',
      hint: 'add `x-wgrok-perspective: router` at the root',
    }
  },
}
