import type { Field, Model, ObjectModel, Type } from '../ir.js'
import { key } from '../names.js'
import { loadModelina } from '../peers.js'
import { generatedFrom, jsdoc } from './printer.js'
import { literalText, typeText } from './type-text.js'

/**
 * An exported interface per object model, by name. Modelina runs over one JSON Schema root; it never sees the AsyncAPI
 * document, whose inline names it would number.
 */
export async function emitInterfaces(models: readonly ObjectModel[]): Promise<Map<string, string>> {
  const out = new Map<string, string>()
  if (models.length === 0) return out
  const { TypeScriptGenerator } = await loadModelina()
  const byName = new Map(models.map(model => [model.name, model]))
  const generator = new TypeScriptGenerator({
    modelType: 'interface',
    enumType: 'union',
    mapType: 'record',
    rawPropertyNames: true,
    constraints: { modelName: ({ modelName }) => modelName },
    processorOptions: { interpreter: { ignoreAdditionalProperties: true } },
    presets: [
      {
        interface: {
          property: ({ model, property }) => member(fieldOf(byName, model.name, property.unconstrainedPropertyName)),
          // Modelina keeps properties in plain objects, which cannot hold every name; what it lost is added here.
          additionalContent: ({ model }) => lost(byName.get(model.name), Object.values(model.properties)),
          self: ({ content, model }) => interfaceText(byName.get(model.name), content),
        },
      },
    ],
  })
  for (const output of await generator.generate(rootSchema(models))) {
    if (output.modelName === ROOT) continue
    if (out.has(output.modelName)) throw new Error(`Modelina emitted ${output.modelName} twice`)
    out.set(output.modelName, `${output.result}\n`)
  }
  return out
}

const ROOT = 'SpecRoot__'

function rootSchema(models: readonly ObjectModel[]): Record<string, unknown> {
  const refs = models.map(model => [model.name, { $ref: `#/definitions/${model.name}` }])
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: ROOT,
    type: 'object',
    properties: Object.fromEntries(refs),
    definitions: Object.fromEntries(models.map(model => [model.name, objectSchema(model, models)])),
  }
}

function objectSchema(model: ObjectModel, models: readonly ObjectModel[]): Record<string, unknown> {
  const required = model.fields.filter(field => field.required).map(field => field.name)
  return {
    $id: model.name,
    type: 'object',
    properties: Object.fromEntries(model.fields.map(field => [field.name, fieldSchema(field.type, models)])),
    ...(required.length === 0 ? {} : { required }),
  }
}

/** Only what Modelina needs to lay out the interface; the text of every type comes from the IR. */
function fieldSchema(type: Type, models: readonly ObjectModel[]): Record<string, unknown> {
  if (type.kind === 'ref' && models.some(model => model.name === type.model)) {
    return { $ref: `#/definitions/${type.model}` }
  }
  return type.kind === 'primitive' ? { type: type.primitive } : {}
}

function interfaceText(model: ObjectModel | undefined, content: string): string {
  if (model === undefined) return content
  return `${jsdoc(modelDoc(model))}\nexport ${content}`
}

function fieldOf(models: ReadonlyMap<string, ObjectModel>, model: string, name: string): Field | undefined {
  return models.get(model)?.fields.find(field => field.name === name)
}

function lost(model: ObjectModel | undefined, properties: readonly { unconstrainedPropertyName: string }[]): string {
  const seen = new Set(properties.map(property => property.unconstrainedPropertyName))
  return (model?.fields ?? [])
    .filter(field => !seen.has(field.name))
    .map(member)
    .join('\n')
}

function member(field: Field | undefined): string {
  // Members of the artificial root, which is dropped.
  if (field === undefined) return ''
  const notes = [field.doc, defaultDoc(field), field.deprecated ? '@deprecated' : undefined]
  const doc = notes.some(note => note !== undefined) ? `${jsdoc(notes)}\n` : ''
  return `${doc}readonly ${key(field.name)}${field.required ? '' : '?'}: ${typeText(field.type)};`
}

function defaultDoc(field: Field): string | undefined {
  return field.default === undefined ? undefined : `@defaultValue ${literalText(field.default)}`
}

/** The JSDoc paragraphs of a model. */
export function modelDoc(model: Model): (string | undefined)[] {
  return [model.doc ?? model.title, model.deprecated ? '@deprecated' : undefined, generatedFrom(model.pointer)]
}
