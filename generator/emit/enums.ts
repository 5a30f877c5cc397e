import type { EnumModel } from '../ir.js'
import { constant, plural } from '../names.js'
import { generatedFrom, jsdoc } from './printer.js'
import { literalText } from './type-text.js'

/** Name of an enum's value list: `Platform` -> `PLATFORMS`. */
export function valueListName(name: string): string {
  return plural(constant(name))
}

/**
 * An enum as a value list, a union type and a guard. No TypeScript `enum`: that is neither erasable nor assignable from
 * the plain string on the wire.
 */
export function emitEnum(model: EnumModel): string {
  const values = model.values.map(literalText).join(', ')
  const from = generatedFrom(model.pointer)
  if (!isStringEnum(model)) {
    return [
      jsdoc([model.doc, deprecated(model), from]),
      `export type ${model.name} = ${model.values.map(literalText).join(' | ')}`,
      '',
    ].join('\n')
  }
  const list = valueListName(model.name)
  return [
    jsdoc([`Every {@link ${model.name}}, in the order of the spec.`, from]),
    `export const ${list} = [${values}] as const`,
    '',
    jsdoc([model.doc, deprecated(model), from]),
    `export type ${model.name} = (typeof ${list})[number]`,
    '',
    jsdoc([`True for one of {@link ${list}}.`, from]),
    `export function is${model.name}(value: unknown): value is ${model.name} {`,
    `  return (${list} as readonly unknown[]).includes(value)`,
    '}',
    '',
  ].join('\n')
}

/** Only these get a value list and a guard. */
export function isStringEnum(model: EnumModel): boolean {
  return model.values.length > 0 && model.values.every(value => typeof value === 'string')
}

function deprecated(model: EnumModel): string | undefined {
  return model.deprecated ? '@deprecated' : undefined
}
