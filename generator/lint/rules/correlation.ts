import { parsePointer } from '../../pointer.js'
import type { LintContext } from '../context.js'
import type { LintRule } from '../rule.js'
import { items, own } from '../tree.js'

/** The parser checks the syntax of a location, not that anything is there. */
export const correlation: LintRule = {
  id: 'WG009',
  name: 'correlation',
  doc: 'A correlation id names a field that the payload has.',
  *check(context) {
    for (const { message, pointer, payload, payloadPointer } of context.messages) {
      const location = own(message['correlationId'], 'location')
      if (typeof location !== 'string') continue
      const [source, path] = location.split('#', 2)
      const found =
        source === '$message.payload' &&
        path !== undefined &&
        reaches(context, payload, payloadPointer, parsePointer(path))
      if (found) continue
      yield {
        pointer: `${pointer}/correlationId/location`,
        message: `\`${location}\` names no field of the payload`,
        hint: 'write `$message.payload#/<field>` with a field that the payload schema declares',
      }
    }
  },
}

function reaches(context: LintContext, value: unknown, at: string, path: readonly string[]): boolean {
  const [step, ...rest] = path
  if (step === undefined) return true
  const found = context.follow(value, at)
  if (found === undefined) return false
  const { schema, pointer } = found
  const property = own(schema['properties'], step)
  if (property !== undefined) return reaches(context, property, `${pointer}/properties/${step}`, rest)
  for (const keyword of ['oneOf', 'anyOf', 'allOf']) {
    for (const [branch, place] of items(schema[keyword], `${pointer}/${keyword}`)) {
      if (reaches(context, branch, place, path)) return true
    }
  }
  return false
}
