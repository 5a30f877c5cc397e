import { splitTemplate } from '../../build/messages.js'
import { constant, kebab, pascal, plural } from '../../names.js'
import { joinPointer } from '../../pointer.js'
import type { LintContext } from '../context.js'
import type { LintRule } from '../rule.js'
import { isObj, items, members, own, stringsOf } from '../tree.js'

/** A name that the generator will export, and what it stands for. */
interface Claim {
  /** The generated module or folder. Names only collide inside one. */
  readonly module: string
  readonly symbol: string
  readonly pointer: string
}

/** Global types that the generated code itself refers to: a schema of that name would shadow them. */
const GLOBALS = new Set(
  'Array Boolean Error Number Object Partial Readonly Record RegExp Set String Validate ValidationError'.split(' '),
)

/** Different names in the spec can become the same name in code. */
export const nameCollision: LintRule = {
  id: 'WG017',
  name: 'name-collision',
  doc: 'No two things get the same name in the generated code, and none shadows a global that it uses.',
  *check(context) {
    const taken = new Map<string, string>()
    const told = new Set<string>()
    for (const { module, symbol, pointer } of claims(context)) {
      const slot = `${module} ${symbol}`
      const holder = taken.get(slot)
      if (holder !== undefined && holder !== pointer) {
        // The same pair often collides in several modules.
        if (told.has(`${holder} ${pointer}`)) continue
        told.add(`${holder} ${pointer}`)
        yield {
          pointer,
          message: `this becomes \`${symbol}\` in ${module}, and so does ${holder}`,
          hint: 'rename one of the two',
        }
      } else if (module === 'models.ts' && GLOBALS.has(symbol)) {
        yield { pointer, message: `\`${symbol}\` is a global that the generated code uses`, hint: 'rename the schema' }
      }
      taken.set(slot, holder ?? pointer)
    }
  },
}

function* claims(context: LintContext): Generator<Claim> {
  const schemas = [...members(own(context.root['components'], 'schemas'), '#/components/schemas')]
  for (const [name, schema, pointer] of schemas) {
    yield { module: 'models.ts', symbol: pascal(name), pointer }
    yield { module: 'schemas/', symbol: `${kebab(name)}.schema.json`, pointer }
    const values = own(schema, 'enum')
    if (!Array.isArray(values) || stringsOf(values).length !== values.length) continue
    yield { module: 'models.ts', symbol: plural(constant(name)), pointer }
    yield { module: 'models.ts', symbol: `is${pascal(name)}`, pointer }
  }
  for (const [name, schema, pointer] of schemas) yield* inlineClaims(pascal(name), schema, pointer, true)
  for (const { name, payload, payloadPointer } of context.messages) {
    yield* inlineClaims(`${pascal(name)}Payload`, payload, payloadPointer, false)
  }
  for (const [id, , pointer] of members(context.root['channels'], '#/channels')) {
    yield { module: 'stubs.ts', symbol: `${pascal(id)}Receives`, pointer }
  }
  yield* textClaims(context)
  for (const { schema, pointer } of context.schemas) {
    const role = schema['x-wgrok-config']
    if (typeof role === 'string') yield { module: 'config.ts', symbol: `${constant(role)}_CONFIG`, pointer }
  }
}

/** Inline objects get a name made from their path, by the same steps as in build/models.ts. */
function* inlineClaims(path: string, schema: unknown, pointer: string, named: boolean): Generator<Claim> {
  if (!isObj(schema) || schema['$ref'] !== undefined) return
  if (!named && isObj(schema['properties'])) yield { module: 'models.ts', symbol: path, pointer }
  for (const [name, property, at] of members(schema['properties'], `${pointer}/properties`)) {
    yield* inlineClaims(path + pascal(name), property, at, false)
  }
  yield* inlineClaims(`${path}Item`, schema['items'], `${pointer}/items`, false)
  yield* inlineClaims(`${path}Value`, schema['additionalProperties'], `${pointer}/additionalProperties`, false)
  for (const keyword of ['oneOf', 'anyOf', 'allOf']) {
    let index = 0
    for (const [branch, at] of items(schema[keyword], joinPointer(pointer, keyword))) {
      index++
      yield* inlineClaims(`${path}${index}`, branch, at, false)
    }
  }
}

function* textClaims(context: LintContext): Generator<Claim> {
  const module = 'frames.ts'
  for (const { message, pointer: at } of context.messages) {
    const frame = message['x-wgrok-frame']
    const [name, template] = [own(frame, 'name'), own(frame, 'template')]
    if (typeof name !== 'string' || typeof template !== 'string') continue
    const pointer = `${at}/x-wgrok-frame`
    const hasFields = splitTemplate(template).some(part => part.kind === 'field')
    yield { module, symbol: hasFields ? `parse${pascal(name)}` : constant(name), pointer }
    yield { module, symbol: `is${pascal(name)}`, pointer }
  }
  for (const { name, place, schema, pointer } of context.schemas) {
    if (place !== 'component' || !isObj(schema['x-wgrok-flags']) || name === undefined) continue
    yield { module, symbol: `parse${pascal(name)}`, pointer }
    yield { module, symbol: `NO_${constant(name)}`, pointer }
  }
}
