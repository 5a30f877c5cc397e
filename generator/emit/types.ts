import type { Model, ObjectModel, Spec } from '../ir.js'
import { emitEnum } from './enums.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { emitInterfaces, modelDoc } from './interfaces.js'
import { header, jsdoc } from './printer.js'
import { typeText } from './type-text.js'

/**
 * models.ts: an interface per object (through Modelina), and the unions, enums, maps, arrays and aliases that Modelina
 * would inline (from the IR).
 * @throws Error when a model came out twice or not at all
 */
export async function emitTypes(
  spec: Spec,
  options: EmitOptions,
  toInterfaces: typeof emitInterfaces = emitInterfaces,
): Promise<GeneratedFile> {
  const interfaces = new Map(await toInterfaces(spec.models.filter(model => model.kind === 'object')))
  const texts = spec.models.map(model => {
    if (model.kind !== 'object') return emitAlias(model)
    const text = interfaces.get(model.name)
    if (text === undefined) throw new Error(`Modelina emitted no ${model.name}`)
    interfaces.delete(model.name)
    return text
  })
  if (interfaces.size > 0) throw new Error(`Modelina also emitted ${[...interfaces.keys()].join(', ')}`)
  return { path: 'models.ts', text: [header(spec, options), '', ...texts].join('\n') }
}

function emitAlias(model: Exclude<Model, ObjectModel>): string {
  if (model.kind === 'enum') return emitEnum(model)
  return `${jsdoc(modelDoc(model))}\nexport type ${model.name} = ${aliasText(model)}\n`
}

function aliasText(model: Exclude<Model, ObjectModel>): string {
  switch (model.kind) {
    case 'union':
      return typeText({ kind: 'union', members: model.members })
    case 'map':
      return typeText({ kind: 'map', values: model.values })
    case 'array':
      return typeText({ kind: 'array', items: model.items })
    case 'primitive':
      return typeText({ kind: 'primitive', primitive: model.primitive })
    case 'alias':
      return typeText(model.type)
    case 'enum':
      return model.name
  }
}
