import type { Field, Json, Model, ObjectModel, RawSchema, Spec, Type } from '../../ir.js'
import { code, inline, link, type Markdown } from './markdown.js'

/** Link target of a model. */
export function modelTarget(name: string): string {
  return `model ${name}`
}

/** A type as Markdown; named models are links. */
export function typeCell(spec: Spec, type: Type): string {
  switch (type.kind) {
    case 'ref':
      return refCell(spec, type.model)
    case 'primitive':
      return type.primitive
    case 'literal':
      return code(JSON.stringify(type.value))
    case 'array':
      return `list of ${typeCell(spec, type.items)}`
    case 'map':
      return type.values.kind === 'unknown' ? 'any object' : `map of ${typeCell(spec, type.values)}`
    case 'union':
      return [...new Set(type.members.map(member => typeCell(spec, member)))].join(' or ')
    case 'intersection':
      return type.members.map(member => typeCell(spec, member)).join(' and ')
    case 'unknown':
      return 'any'
  }
}

function modelNamed(spec: Spec, name: string): Model | undefined {
  return spec.models.find(one => one.name === name)
}

function refCell(spec: Spec, name: string): string {
  const model = modelNamed(spec, name)
  if (model?.kind === 'primitive') return model.primitive
  return link(name, modelTarget(name))
}

/** The table of an object's fields. */
export function fieldTable(out: Markdown, spec: Spec, fields: readonly Field[]): void {
  out.table(
    ['Field', 'Type', 'Required', 'Limits', 'Meaning'],
    fields.map(field => {
      const target = field.type.kind === 'ref' ? modelNamed(spec, field.type.model) : undefined
      const schema = target?.kind === 'primitive' ? { ...target.schema, ...field.schema } : field.schema
      const meaning = [
        field.deprecated ? '**Deprecated.**' : '',
        field.secret ? '**Secret.**' : '',
        inline(field.doc ?? target?.doc),
      ]
      return [
        code(field.name),
        typeCell(spec, field.type),
        field.required ? 'yes' : '',
        limits(schema, field.default),
        meaning.filter(text => text !== '').join(' '),
      ]
    }),
  )
}

/** The constraints of a schema, as far as they are no type: `1 to 64 characters; matches ...; default ...`. */
export function limits(schema: RawSchema, fallback?: Json): string {
  const parts = [
    range(schema, 'minLength', 'maxLength', 'characters'),
    range(schema, 'minItems', 'maxItems', 'items'),
    range(schema, 'minProperties', 'maxProperties', 'entries'),
    range(schema, 'minimum', 'maximum'),
    bound('above', schema['exclusiveMinimum']),
    bound('below', schema['exclusiveMaximum']),
    bound('multiple of', schema['multipleOf']),
    schema['uniqueItems'] === true ? 'no duplicates' : undefined,
    typeof schema['pattern'] === 'string' ? `matches ${code(schema['pattern'])}` : undefined,
    fallback === undefined ? undefined : `default ${code(JSON.stringify(fallback))}`,
  ]
  return parts.filter(part => part !== undefined).join('; ')
}

function range(schema: RawSchema, low: string, high: string, unit = ''): string | undefined {
  const [least, most] = [schema[low], schema[high]]
  if (least === undefined && most === undefined) return undefined
  if (most === undefined && least === 1 && unit !== '') return 'not empty'
  const units = (most ?? least) === 1 ? unit.replace(/ies$/, 'y').replace(/s$/, '') : unit
  if (least === undefined) return `at most ${count(most)} ${units}`.trim()
  if (most === undefined) return `at least ${count(least)} ${units}`.trim()
  return `${least === most ? `exactly ${count(least)}` : `${count(least)} to ${count(most)}`} ${units}`.trim()
}

function bound(word: string, value: unknown): string | undefined {
  return value === undefined ? undefined : `${word} ${count(value)}`
}

/** A number in groups from five digits on: `33,554,432`, but `8787`. */
export function count(value: unknown): string {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) >= 10_000
    ? String(value).replace(/\B(?=(\d{3})+$)/g, ',')
    : inline(String(value))
}

/** The body of a model's entry, below its heading. */
export function modelBody(out: Markdown, spec: Spec, model: Model): void {
  if (model.deprecated) out.block('**Deprecated.**')
  if (model.kind === 'object') {
    fieldTable(out, spec, model.fields)
    if (!model.open) out.block('No other field is allowed.')
  } else out.block(bodyText(spec, model))
}

function bodyText(spec: Spec, model: Exclude<Model, ObjectModel>): string {
  switch (model.kind) {
    case 'enum':
      return `One of ${model.values.map(value => code(String(value))).join(', ')}.`
    case 'union': {
      const by = model.discriminator === undefined ? '' : `, told apart by ${code(model.discriminator.property)}`
      return `One of ${model.members.map(member => typeCell(spec, member)).join(', ')}${by}.`
    }
    case 'primitive':
      return sentence(model.primitive, limits(model.schema))
    case 'array':
      return sentence(typeCell(spec, model), limits(model.schema))
    case 'map':
      return sentence(typeCell(spec, model), limits(model.schema))
    case 'alias':
      return sentence(typeCell(spec, model.type), limits(model.schema))
  }
}

function sentence(type: string, constraints: string): string {
  const text = constraints === '' ? type : `${type}, ${constraints}`
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
