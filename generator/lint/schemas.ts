import { joinPointer } from '../pointer.js'
import { isObj, items, members, type Obj } from './tree.js'

/** One schema object of the spec, wherever it stands. `$ref`s are not followed. */
export interface SchemaSite {
  readonly schema: Obj
  readonly pointer: string
  /** `component`: a key of components.schemas. `property`: the value of a property. `other`: everything else. */
  readonly place: 'component' | 'property' | 'other'
  /** The component's or property's name. */
  readonly name?: string
  /** True where code is generated from the schema, false for the parameters of protocol bindings. */
  readonly emitted: boolean
}

/** Every schema object below the spec's components, messages and bindings, outer before inner. */
export function* schemaSites(root: Obj): Generator<SchemaSite> {
  const components = root['components']
  const base = '#/components'
  if (isObj(components)) {
    for (const [name, schema, pointer] of members(components['schemas'], `${base}/schemas`)) {
      yield* walk(schema, pointer, true, { place: 'component', name })
    }
    yield* messages(components['messages'], `${base}/messages`)
  }
  for (const [, channel, pointer] of members(root['channels'], '#/channels')) {
    if (!isObj(channel)) continue
    yield* messages(channel['messages'], `${pointer}/messages`)
    yield* bindings(channel['bindings'], `${pointer}/bindings`)
  }
  for (const [, operation, pointer] of members(root['operations'], '#/operations')) {
    if (isObj(operation)) yield* bindings(operation['bindings'], `${pointer}/bindings`)
  }
}

/** The schema that a message's `payload` holds, with the Multi Format Schema Object unwrapped. */
export function payloadSite(message: Obj, pointer: string): [schema: unknown, pointer: string] {
  const payload = message['payload']
  if (isObj(payload) && payload['schemaFormat'] !== undefined) return [payload['schema'], `${pointer}/payload/schema`]
  return [payload, `${pointer}/payload`]
}

function* messages(value: unknown, at: string): Generator<SchemaSite> {
  for (const [, message, pointer] of members(value, at)) {
    if (!isObj(message)) continue
    yield* walk(...payloadSite(message, pointer), true)
  }
}

function* bindings(value: unknown, at: string): Generator<SchemaSite> {
  for (const [, binding, pointer] of members(value, at)) {
    if (!isObj(binding)) continue
    for (const part of ['query', 'headers']) yield* walk(binding[part], joinPointer(pointer, part), false)
  }
}

type Place = { readonly place: SchemaSite['place']; readonly name?: string }

function* walk(
  schema: unknown,
  pointer: string,
  emitted: boolean,
  at: Place = { place: 'other' },
): Generator<SchemaSite> {
  if (!isObj(schema)) return
  yield { schema, pointer, emitted, ...at }
  for (const [name, child, childPointer] of members(schema['properties'], `${pointer}/properties`)) {
    yield* walk(child, childPointer, emitted, { place: 'property', name })
  }
  for (const key of ['items', 'additionalProperties']) yield* walk(schema[key], `${pointer}/${key}`, emitted)
  for (const key of ['oneOf', 'anyOf', 'allOf']) {
    for (const [child, childPointer] of items(schema[key], `${pointer}/${key}`))
      yield* walk(child, childPointer, emitted)
  }
}
