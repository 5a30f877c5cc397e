import type { LintContext } from '../context.js'
import type { Finding, LintRule } from '../rule.js'
import { isObj, members, type Obj, own, stringsOf } from '../tree.js'

/** The flags parser writes straight into the fields' schema. */
export const flagsFields: LintRule = {
  id: 'WG021',
  name: 'flags-fields',
  doc: "Flag letters are the required boolean properties of the flags' schema; a chunk is an optional `{index, total}`.",
  *check(context) {
    for (const { schema, pointer } of context.schemas) {
      const flags = schema['x-wgrok-flags']
      if (!isObj(flags)) continue
      const at = `${pointer}/x-wgrok-flags`
      if (schema['type'] !== 'string') {
        yield { pointer: at, message: 'flags are text, this schema is not', hint: 'make it `type: string`' }
      }
      const fields = context.follow(flags['fields'], at)
      if (fields === undefined || own(flags['fields'], '$ref') === undefined) continue
      yield* letters(context, flags, fields.schema, at)
      yield* chunk(context, flags, fields.schema, at)
    }
  },
}

function* letters(context: LintContext, flags: Obj, fields: Obj, at: string): Generator<Finding> {
  const required = stringsOf(fields['required'])
  const seen = new Set<unknown>()
  for (const [letter, field, pointer] of members(flags['letters'], `${at}/letters`)) {
    if (typeof field !== 'string') continue
    const property = context.follow(own(fields['properties'], field), at)?.schema
    if (property?.['type'] !== 'boolean' || !required.includes(field)) {
      yield {
        pointer,
        message: `\`${field}\` is not a required boolean property of the flags' schema`,
        hint: 'declare it there with `type: boolean` and list it in `required`',
      }
    } else if (seen.has(field)) {
      yield {
        pointer,
        message: `letter \`${letter}\` sets \`${field}\` like another one`,
        hint: 'give it its own field',
      }
    }
    seen.add(field)
  }
  const set = new Set(Object.values(isObj(flags['letters']) ? flags['letters'] : {}))
  for (const name of required.filter(field => !set.has(field))) {
    yield {
      pointer: `${at}/letters`,
      message: `no letter sets \`${name}\`, which the flags' schema requires`,
      hint: 'add a letter for it, or make the property optional',
    }
  }
}

function* chunk(context: LintContext, flags: Obj, fields: Obj, at: string): Generator<Finding> {
  if (flags['chunk'] !== true) return
  const property = context.follow(own(fields['properties'], 'chunk'), at)?.schema
  const good = ['index', 'total'].every(name => {
    const part = context.follow(own(own(property, 'properties'), name), at)?.schema
    return part?.['type'] === 'integer' && stringsOf(own(property, 'required')).includes(name)
  })
  if (good && !stringsOf(fields['required']).includes('chunk')) return
  yield {
    pointer: `${at}/chunk`,
    message: "the flags' schema has no optional property `chunk` with the required integers `index` and `total`",
    hint: 'declare it there, or remove `chunk: true`',
  }
}
