import type { LintContext } from '../context.js'
import type { LintRule } from '../rule.js'
import { isObj, members, own } from '../tree.js'

/** Whether a value of the schema can be written in an environment variable of that format. */
const FITS: Readonly<Record<string, (type: unknown, itemType: unknown) => boolean>> = {
  string: type => type === 'string',
  integer: type => type === 'integer',
  boolean: type => type === 'boolean',
  csv: (type, itemType) => type === 'array' && itemType === 'string',
  pairs: (type, itemType) => type === 'object' && itemType === 'string',
}
const WANTED: Readonly<Record<string, string>> = {
  csv: 'a list of strings',
  pairs: 'a map of strings (`additionalProperties: { type: string }`)',
}

/** A property without a variable could not be set by anybody. */
export const configEnv: LintRule = {
  id: 'WG022',
  name: 'config-env',
  doc: 'Every property of a config schema names its environment variable, in a format that fits its type.',
  *check(context) {
    for (const { schema, pointer } of context.schemas) {
      if (schema['x-wgrok-config'] === undefined) continue
      for (const [name, property, at] of members(schema['properties'], `${pointer}/properties`)) {
        if (!isObj(property)) continue
        const env = property['x-wgrok-env']
        if (env === undefined) {
          yield {
            pointer: at,
            message: `config property \`${name}\` has no environment variable`,
            hint: 'add `x-wgrok-env: { name: WGROK_…, format: string }`',
          }
          continue
        }
        const format = own(env, 'format')
        const fits = typeof format === 'string' ? FITS[format] : undefined
        if (fits === undefined || fits(...typesOf(context, property, at))) continue
        yield {
          pointer: `${at}/x-wgrok-env`,
          message: `format \`${String(format)}\` does not yield the type of \`${name}\``,
          hint: `make the property ${WANTED[String(format)] ?? `\`type: ${String(format)}\``}, or change the format`,
        }
      }
    }
  },
}

function typesOf(context: LintContext, property: unknown, at: string): [type: unknown, itemType: unknown] {
  const schema = context.follow(property, at)?.schema
  const inner = schema?.['type'] === 'array' ? schema['items'] : schema?.['additionalProperties']
  return [schema?.['type'], context.follow(inner, at)?.schema['type']]
}
