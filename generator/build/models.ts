import type { EnumModel, Field, FlagsSpec, Json, Model, RawSchema, Type, UnionModel } from '../ir.js'
import { isIdentifier, pascal } from '../names.js'
import type { SpecNode } from './node.js'

const SCHEMAS = '#/components/schemas'
const PRIMITIVES = new Set(['string', 'integer', 'number', 'boolean', 'null'])

type Primitive = 'string' | 'integer' | 'number' | 'boolean' | 'null'
type Scalar = string | number | boolean | null

/** Reads components.schemas, and gives every inline object a path-derived name of its own. */
export class ModelBuilder {
  private readonly root: SpecNode
  private readonly models: Model[] = []
  private readonly names = new Map<string, string>()

  constructor(root: SpecNode) {
    this.root = root
  }

  /** Models in declared order; an inline object follows the model that holds it. */
  all(): readonly Model[] {
    return this.models
  }

  readComponents(): void {
    const schemas = this.root.maybe('components')?.children('schemas') ?? []
    for (const [name, node] of schemas) {
      if (!isIdentifier(name) || pascal(name) !== name) {
        node.fail('ir-name', `schema name \`${name}\` must be PascalCase`, `use \`${pascal(name)}\``)
      }
      this.claim(name, node)
    }
    for (const [name, node] of schemas) this.add(name, node, false)
  }

  /** The type of a schema that stands somewhere; `path` names an inline object, should there be one. */
  typeOf(node: SpecNode, path: string): Type {
    if (node.maybe('$ref') !== undefined) {
      const ref = node.string('$ref')
      if (!ref.startsWith(`${SCHEMAS}/`)) node.fail('ir-ref', `\`${ref}\` must lead below \`${SCHEMAS}\``)
      node.follow()
      return { kind: 'ref', model: ref.slice(SCHEMAS.length + 1) }
    }
    const constant = node.maybe('const')
    if (constant !== undefined) return literal(constant)
    const values = node.maybe('enum')
    if (values !== undefined) return union(node.items('enum').map(literal))
    const parts = node.maybe('oneOf') ? 'oneOf' : node.maybe('anyOf') ? 'anyOf' : undefined
    if (parts !== undefined) {
      return union(node.items(parts).map((item, index) => this.typeOf(item, `${path}${index + 1}`)))
    }
    const all = node.items('allOf')
    if (all.length === 1 && all[0] !== undefined) return this.typeOf(all[0], path)
    if (all.length > 1) {
      return { kind: 'intersection', members: all.map((item, index) => this.typeOf(item, `${path}${index + 1}`)) }
    }
    const type = node.maybe('type')
    if (Array.isArray(type?.value)) {
      return union(node.items('type').map(item => this.typed(node, String(item.value), path)))
    }
    if (type !== undefined) return this.typed(node, String(type.value), path)
    return node.maybe('properties') ? this.typed(node, 'object', path) : { kind: 'unknown' }
  }

  private typed(node: SpecNode, type: string, path: string): Type {
    if (PRIMITIVES.has(type)) return { kind: 'primitive', primitive: type as Primitive }
    if (type === 'array') {
      const items = node.maybe('items')
      return { kind: 'array', items: items === undefined ? { kind: 'unknown' } : this.typeOf(items, `${path}Item`) }
    }
    if (type !== 'object') return node.fail('ir-type', `unknown type \`${type}\``)
    if (node.maybe('properties') === undefined) return { kind: 'map', values: this.mapValues(node, path) }
    this.claim(path, node)
    this.add(path, node, true)
    return { kind: 'ref', model: path }
  }

  private mapValues(node: SpecNode, path: string): Type {
    const values = node.maybe('additionalProperties')
    if (values === undefined || typeof values.value !== 'object') return { kind: 'unknown' }
    return this.typeOf(values, `${path}Value`)
  }

  private add(name: string, node: SpecNode, inline: boolean): void {
    const base = {
      name,
      pointer: node.pointer,
      ...node.optional('title', node.text('title')),
      ...node.optional('doc', node.text('description')),
      deprecated: node.flag('deprecated'),
      inline,
      schema: node.value as RawSchema,
    }
    // Reserve the place first, so that inline objects found below come after their holder.
    const place = this.models.push(undefined as unknown as Model) - 1
    this.models[place] = { ...base, ...this.shape(name, node) } as Model
  }

  private shape(name: string, node: SpecNode): Record<string, unknown> {
    const isRef = node.maybe('$ref') !== undefined
    if (!isRef && node.maybe('properties') !== undefined && !hasCombiner(node)) {
      return {
        kind: 'object',
        fields: this.fields(name, node),
        open: node.maybe('additionalProperties')?.value !== false,
      }
    }
    if (!isRef && node.maybe('enum') !== undefined) {
      return { kind: 'enum', values: node.items('enum').map(item => scalar(item)) } satisfies Partial<EnumModel>
    }
    if (!isRef && (node.maybe('oneOf') ?? node.maybe('anyOf')) !== undefined) return this.union(name, node)
    const type = this.typeOf(node, name)
    if (type.kind === 'primitive') return { kind: 'primitive', primitive: type.primitive, ...readFlags(node) }
    if (type.kind === 'array') return { kind: 'array', items: type.items }
    if (type.kind === 'map') return { kind: 'map', values: type.values }
    return { kind: 'alias', type }
  }

  private fields(owner: string, node: SpecNode): Field[] {
    const required = new Set(node.items('required').map(item => item.value))
    return node.children('properties').map(([name, property]) => ({
      name,
      type: this.typeOf(property, owner + pascal(name)),
      required: required.has(name),
      ...node.optional('doc', property.text('description') ?? property.text('title')),
      deprecated: property.flag('deprecated'),
      secret: property.flag('x-wgrok-secret'),
      ...node.optional('default', property.maybe('default')?.value as Json | undefined),
      schema: property.value as RawSchema,
      pointer: property.pointer,
    }))
  }

  private union(name: string, node: SpecNode): Partial<UnionModel> {
    const branches = node.items(node.maybe('oneOf') ? 'oneOf' : 'anyOf')
    const members = branches.map((item, index) => this.typeOf(item, `${name}${index + 1}`))
    const property = node.text('discriminator')
    if (property === undefined) return { kind: 'union', members }
    const mapping = branches.map((branch, index) => {
      const tag = branch.follow().maybe('properties')?.maybe(property)?.follow().maybe('const')
      const member = members[index]
      if (typeof tag?.value !== 'string' || member?.kind !== 'ref') {
        return branch.fail(
          'ir-discriminator',
          `every branch of \`${name}\` needs a \`${property}\` with a string const`,
        )
      }
      return { value: tag.value, model: member.model }
    })
    return { kind: 'union', members, discriminator: { property, mapping } }
  }

  private claim(name: string, node: SpecNode): void {
    const holder = this.names.get(name)
    if (holder !== undefined) node.fail('ir-name-taken', `the name \`${name}\` is already taken by \`${holder}\``)
    this.names.set(name, node.pointer)
  }
}

function hasCombiner(node: SpecNode): boolean {
  return ['oneOf', 'anyOf', 'allOf'].some(name => node.maybe(name) !== undefined)
}

function union(members: readonly Type[]): Type {
  const only = members[0]
  return members.length === 1 && only !== undefined ? only : { kind: 'union', members }
}

function scalar(node: SpecNode): Scalar {
  const value = node.value
  if (value !== null && typeof value === 'object') return node.fail('ir-type', 'only scalar values can be enumerated')
  return value as Scalar
}

function literal(node: SpecNode): Type {
  return { kind: 'literal', value: scalar(node) }
}

function readFlags(node: SpecNode): { flags?: FlagsSpec } {
  const flags = node.maybe('x-wgrok-flags')
  if (flags === undefined) return {}
  return {
    flags: {
      none: flags.string('none'),
      letters: flags.children('letters').map(([letter, field]) => ({ letter, field: String(field.value) })),
      chunk: flags.flag('chunk'),
      fields: flags.get('fields').refName(SCHEMAS),
      pointer: flags.pointer,
    },
  }
}
