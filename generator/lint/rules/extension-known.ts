import type { LintContext } from '../context.js'
import { type ExtensionPlace, readExtensionSchemas } from '../extensions.js'
import type { LintRule } from '../rule.js'
import { listing } from '../tree.js'

const WHERE: Readonly<Record<ExtensionPlace, string>> = {
  root: 'the root of the document',
  message: 'a message',
  component: 'a schema under components.schemas',
  property: 'a property of a schema',
}

/** A misspelt extension would be ignored by everyone. */
export const extensionKnown: LintRule = {
  id: 'WG013',
  name: 'extension-known',
  doc: 'Every `x-wgrok-*` extension exists and stands where it has an effect.',
  *check(context) {
    const known = new Map(readExtensionSchemas().map(extension => [extension.name, extension.places]))
    const placeOf = places(context)
    for (const { name, pointer, holder } of context.extensions) {
      const allowed = known.get(name)
      if (allowed === undefined) {
        yield { pointer, message: `there is no extension \`${name}\``, hint: `known are ${listing(known.keys())}` }
      } else if (!allowed.some(place => placeOf.get(holder) === place)) {
        const where = allowed.map(place => WHERE[place]).join(' or ')
        yield { pointer, message: `\`${name}\` has no effect here`, hint: `it belongs on ${where}` }
      }
    }
  },
}

function places(context: LintContext): ReadonlyMap<string, ExtensionPlace> {
  const found = new Map<string, ExtensionPlace>([['#', 'root']])
  for (const { pointer } of context.messages) found.set(pointer, 'message')
  for (const { pointer, place } of context.schemas) if (place !== 'other') found.set(pointer, place)
  return found
}
