import type { Config, ConfigFormat, ConfigRow, Json, Model, Secret } from '../ir.js'
import type { SpecNode } from './node.js'

/** Reads the schemas that carry `x-wgrok-config`; their properties with `x-wgrok-env` become rows. */
export function readConfigs(root: SpecNode): Config[] {
  const schemas = root.maybe('components')?.children('schemas') ?? []
  return schemas.flatMap(([model, node]) => {
    if (node.maybe('x-wgrok-config') === undefined) return []
    const required = new Set(node.items('required').map(item => item.value))
    const rows = node
      .children('properties')
      .filter(([, property]) => property.maybe('x-wgrok-env') !== undefined)
      .map(([field, property]) => readRow(field, property, required.has(field)))
    return [{ kind: node.string('x-wgrok-config'), model, rows, pointer: node.pointer }]
  })
}

/** Every field marked `x-wgrok-secret`, in any model. */
export function readSecrets(models: readonly Model[]): Secret[] {
  return models.flatMap(model =>
    model.kind === 'object'
      ? model.fields.filter(field => field.secret).map(field => ({ field: field.name, pointer: field.pointer }))
      : [],
  )
}

function readRow(field: string, property: SpecNode, required: boolean): ConfigRow {
  const env = property.get('x-wgrok-env')
  // A constraint may stand beside the `$ref`, in its target, or in the item schema of a list.
  const target = behind(property)
  const items = target.maybe('items')
  const places = items === undefined ? [property, target] : [property, target, behind(items)]
  const find = (name: string): unknown =>
    places.map(place => place.maybe(name)?.value).find(value => value !== undefined)
  const values = find('enum')
  return {
    field,
    env: env.string('name'),
    format: env.string('format') as ConfigFormat,
    required,
    secret: property.flag('x-wgrok-secret'),
    ...property.optional('default', find('default') as Json | undefined),
    ...property.optional('values', Array.isArray(values) ? values.map(String) : undefined),
    ...property.optional('minimum', find('minimum') as number | undefined),
    ...property.optional('maximum', find('maximum') as number | undefined),
    ...property.optional('pattern', find('pattern') as string | undefined),
    doc: property.text('description') ?? target.text('description') ?? '',
    pointer: property.pointer,
  }
}

/** What a property really is: behind its `$ref`, or behind the only member of an `allOf`. */
function behind(node: SpecNode): SpecNode {
  const all = node.items('allOf')
  return all.length === 1 && all[0] !== undefined ? all[0].follow() : node.follow()
}
