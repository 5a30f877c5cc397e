import type { Json, Model, Spec, Type } from '../ir.js'
import { key, quote } from '../names.js'

/** A type as TypeScript source. Open objects are `Record<string, unknown>`, never `any`. */
export function typeText(type: Type): string {
  switch (type.kind) {
    case 'ref':
      return type.model
    case 'primitive':
      return type.primitive === 'integer' ? 'number' : type.primitive
    case 'literal':
      return literalText(type.value)
    case 'array':
      return `readonly ${bracket(type.items)}[]`
    case 'map':
      return `Readonly<Record<string, ${typeText(type.values)}>>`
    case 'union':
      return type.members.length === 0 ? 'never' : [...new Set(type.members.map(typeText))].join(' | ')
    case 'intersection':
      return type.members.map(bracket).join(' & ')
    case 'unknown':
      return 'unknown'
  }
}

/** A JSON value as TypeScript source, single-quoted; `__proto__` keys stay own properties. */
export function literalText(value: Json): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(literalText).join(', ')}]`
  const members = Object.entries(value).map(([name, child]) => `${key(name)}: ${literalText(child)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

/** Names of the models that a type mentions, each once, in order. */
export function modelsIn(type: Type): string[] {
  switch (type.kind) {
    case 'ref':
      return [type.model]
    case 'array':
      return modelsIn(type.items)
    case 'map':
      return modelsIn(type.values)
    case 'union':
    case 'intersection':
      return [...new Set(type.members.flatMap(modelsIn))]
    default:
      return []
  }
}

/** Names of the models that a model mentions directly. */
export function modelsOf(model: Model): string[] {
  switch (model.kind) {
    case 'object':
      return [...new Set(model.fields.flatMap(field => modelsIn(field.type)))]
    case 'union':
      return [...new Set(model.members.flatMap(modelsIn))]
    case 'alias':
      return modelsIn(model.type)
    case 'map':
      return modelsIn(model.values)
    case 'array':
      return modelsIn(model.items)
    default:
      return []
  }
}

/** `import type { A, B } from './models.js'` for the named models in the spec's order; '' when there are none. */
export function importModels(spec: Spec, names: Iterable<string>): string {
  const wanted = new Set(names)
  const sorted = spec.models.map(model => model.name).filter(name => wanted.has(name))
  return sorted.length === 0 ? '' : `import type { ${sorted.join(', ')} } from './models.js'`
}

function bracket(type: Type): string {
  const text = typeText(type)
  const plain = type.kind !== 'union' && type.kind !== 'intersection' && type.kind !== 'array'
  return plain ? text : `(${text})`
}
