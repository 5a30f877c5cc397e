import { joinPointer } from '../../pointer.js'
import type { LintRule } from '../rule.js'
import { isObj, members, own } from '../tree.js'

const COMPONENTS = new Set(['schemas', 'messages', 'securitySchemes'])

/** AsyncAPI is larger than the generator: what it does not read must not look as if it did something. */
export const unsupportedFeature: LintRule = {
  id: 'WG002',
  name: 'unsupported-feature',
  doc: 'The spec uses no AsyncAPI feature that the generator does not read: headers, traits, other files.',
  *check({ root, messages, refs }) {
    for (const { message, pointer } of messages) {
      for (const part of ['headers', 'traits']) {
        if (message[part] === undefined) continue
        yield {
          pointer: joinPointer(pointer, part),
          message: `message \`${part}\` are not supported`,
          hint: part === 'headers' ? 'make them properties of the payload' : 'write their content into the message',
        }
      }
      if (pointer.startsWith('#/channels/')) {
        yield {
          pointer,
          message: 'a message written inside a channel has no name to generate from',
          hint: 'move it to components.messages and put a $ref here',
        }
      }
    }
    for (const [, operation, pointer] of members(root['operations'], '#/operations')) {
      if (own(operation, 'traits') === undefined) continue
      yield {
        pointer: `${pointer}/traits`,
        message: 'operation `traits` are not supported',
        hint: 'write their content into the operation',
      }
    }
    for (const [name, value, pointer] of members(root['components'], '#/components')) {
      if (COMPONENTS.has(name) || name.startsWith('x-') || !isObj(value)) continue
      yield {
        pointer,
        message: `components.${name} is not supported`,
        hint: 'write its entries where they are used',
      }
    }
    for (const { ref, pointer, extension } of refs) {
      if (typeof ref !== 'string' || ref.startsWith('#') || extension !== undefined) continue
      yield { pointer, message: `\`${ref}\` leads out of the spec`, hint: 'copy the target into this document' }
    }
  },
}
