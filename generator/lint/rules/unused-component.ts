import type { LintContext } from '../context.js'
import type { LintRule } from '../rule.js'
import { items, members, own } from '../tree.js'

/** What nobody refers to is either forgotten or a type of the library's own: the latter says so. */
export const unusedComponent: LintRule = {
  id: 'WG012',
  name: 'unused-component',
  doc: 'Every schema and message under components is used, or listed in `x-wgrok-exports`.',
  *check(context) {
    const { root, refs, schemas } = context
    const used = new Set<unknown>()
    for (const { ref, pointer } of refs) {
      // A schema that only refers to itself is still unused.
      if (typeof ref === 'string' && !pointer.startsWith(`${ref}/`)) used.add(ref)
    }
    const exported = exportsOf(context)
    for (const { place, pointer, name = '', schema } of schemas) {
      if (place !== 'component' || used.has(pointer) || schema['x-wgrok-config'] !== undefined) continue
      if (exported.has(name)) continue
      yield {
        pointer,
        message: `nothing refers to schema \`${name}\``,
        hint: 'refer to it, remove it, or list it in the root `x-wgrok-exports` when the library itself uses it',
      }
    }
    for (const [name, , pointer] of members(own(root['components'], 'messages'), '#/components/messages')) {
      if (used.has(pointer)) continue
      yield {
        pointer,
        message: `no channel carries message \`${name}\``,
        hint: 'list it under a channel, or remove it',
      }
    }
    for (const [name, pointer] of exported) {
      const target = `#/components/schemas/${name}`
      const exists = context.component(name) !== undefined
      if (exists && !used.has(target)) continue
      yield {
        pointer,
        message: exists ? `\`${name}\` is used anyway` : `there is no schema \`${name}\``,
        hint: 'take it off the list',
      }
    }
  },
}

function exportsOf({ root }: LintContext): ReadonlyMap<string, string> {
  const list = [...items(root['x-wgrok-exports'], '#/x-wgrok-exports')]
  return new Map(list.filter((item): item is [string, string] => typeof item[0] === 'string'))
}
