import type { LintRule } from '../rule.js'
import { listing, objOf, own, stringsOf } from '../tree.js'

const ENUM = '#/components/schemas/Platform/enum'

/** The frame limits are indexed by the enum: a missing key is `undefined` at run time. */
export const platformKeys: LintRule = {
  id: 'WG019',
  name: 'platform-keys',
  doc: 'The keys of `x-wgrok-platforms` are the values of the Platform enum.',
  *check(context) {
    const platforms = context.root['x-wgrok-platforms']
    if (platforms === undefined) return
    const keys = Object.keys(objOf(platforms))
    const platform = context.component('Platform')
    if (platform === undefined) {
      yield {
        pointer: '#/x-wgrok-platforms',
        message: 'there is no schema `Platform` to index the platforms by',
        hint: `add #/components/schemas/Platform with \`enum: [${keys.join(', ')}]\``,
      }
      return
    }
    const values = stringsOf(own(platform, 'enum'))
    for (const key of keys.filter(name => !values.includes(name))) {
      yield {
        pointer: `#/x-wgrok-platforms/${key}`,
        message: `platform \`${key}\` is not in the Platform enum`,
        hint: `add it to ${ENUM}, or remove it here; the enum has ${listing(values)}`,
      }
    }
    for (const [index, value] of values.entries()) {
      if (keys.includes(value)) continue
      yield {
        pointer: `${ENUM}/${index}`,
        message: `platform \`${value}\` has no entry in \`x-wgrok-platforms\``,
        hint: 'add one with its frame size and unit',
      }
    }
  },
}
