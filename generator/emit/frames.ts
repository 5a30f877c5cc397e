import type { FrameSpec, Part, PrimitiveModel, Spec } from '../ir.js'
import { constant, key, pascal, quote } from '../names.js'
import { EmitError, type EmitOptions, type GeneratedFile } from './file.js'
import { emitFlags } from './flags.js'
import { generatedFrom, header, Printer } from './printer.js'
import { importModels } from './type-text.js'

/** The functions and constants that stand for one frame; stubs.ts calls them by these names. */
export interface FrameNames {
  /** `ECHO_PREFIX`, when the template starts with a literal. */
  readonly prefix?: string
  /** `PAUSE`, for a literal template. */
  readonly literal?: string
  readonly parse: string
  readonly format: string
  readonly is: string
  /** False when another frame's prefix begins with this one: then `is` would claim texts that are not its own. */
  readonly hasIs: boolean
}

/** frames.ts: parsers and formatters of the text/plain messages, and of flags. */
export function emitFrames(spec: Spec, options: EmitOptions): GeneratedFile {
  const frames = spec.messages.flatMap(message => (message.frame === undefined ? [] : [message.frame]))
  const flags = spec.models.filter(
    (model): model is PrimitiveModel => model.kind === 'primitive' && model.flags !== undefined,
  )
  const models = [...frames.map(frame => frame.fields), ...flags.map(model => model.flags?.fields)]
  const out = new Printer().print(header(spec, options), '')
  const imports = importModels(
    spec,
    models.filter(name => name !== undefined),
  )
  if (imports !== '') out.print(imports, '')
  out.doc('Why a text is not the frame that was asked for.')
  out.print("export const FRAME_PROBLEMS = ['not-a-frame', 'frame-malformed', 'slug-empty'] as const", '')
  out.doc(
    '`not-a-frame`: it starts differently. `frame-malformed`: a separator is missing. `slug-empty`: a field before the last is empty.',
  )
  out.print('export type FrameProblem = (typeof FRAME_PROBLEMS)[number]', '')
  for (const frame of frames) {
    if (frame.fields === undefined) emitLiteral(out, frame)
    else emitTemplate(out, frame, frame.fields, frameNames(frame, frames))
  }
  for (const model of flags) emitFlags(out, model)
  return { path: 'frames.ts', text: out.toString() }
}

/** Names for `frame`, seen among all frames of the spec. */
export function frameNames(frame: FrameSpec, all: readonly FrameSpec[]): FrameNames {
  const name = constant(frame.name)
  const first = frame.parts[0]
  const prefix = first?.kind === 'literal' ? first.text : ''
  const isLiteral = frame.fields === undefined
  return {
    ...(isLiteral ? { literal: name } : {}),
    ...(prefix === '' || isLiteral ? {} : { prefix: `${name}_PREFIX` }),
    parse: `parse${pascal(frame.name)}`,
    format: `format${pascal(frame.name)}`,
    is: `is${pascal(frame.name)}`,
    hasIs: prefix !== '' && (isLiteral || !all.some(other => other !== frame && other.template.startsWith(prefix))),
  }
}

/** How many characters of a frame are fixed at its start: the more, the more specific. */
export function prefixLength(frame: FrameSpec): number {
  const first = frame.parts[0]
  return first?.kind === 'literal' ? first.text.length : 0
}

function emitLiteral(out: Printer, frame: FrameSpec): void {
  const name = constant(frame.name)
  const from = generatedFrom(frame.pointer)
  out
    .doc(`The whole text of a ${frame.name} command.`, from)
    .print(`export const ${name} = ${quote(frame.template)}`, '')
  out.doc(`True for {@link ${name}}${frame.trim ? ', white space around it ignored' : ''}.`, from)
  out.print(`export function is${pascal(frame.name)}(text: string): boolean {`)
  if (frame.trim) {
    // The length test spares long texts the copy that trim() makes.
    out.print(`if (text.length === ${frame.template.length}) return text === ${name}`)
    out.print(`return text.length > ${frame.template.length} && text.trim() === ${name}`)
  } else out.print(`return text === ${name}`)
  out.print('}', '')
}

function emitTemplate(out: Printer, frame: FrameSpec, model: string, names: FrameNames): void {
  const from = generatedFrom(frame.pointer)
  const shown = `\`${frame.template}\``
  if (names.prefix !== undefined) {
    out.doc(`What ${shown} starts with.`, from)
    out.print(`export const ${names.prefix} = ${quote(literalOf(frame.parts[0]))}`, '')
  }
  if (names.hasIs) {
    out.doc('True when the text starts like this frame; it may still be malformed.', from)
    out.print(
      `export function ${names.is}(text: string): boolean {`,
      `return text.startsWith(${names.prefix})`,
      '}',
      '',
    )
  }
  out.doc(`Writes ${shown}. The fields are taken as they are; check them first.`, from)
  const body = frame.parts.map(part =>
    part.kind === 'literal' ? template(part.text) : `\${frame${access(part.name)}}`,
  )
  out.print(`export function ${names.format}(frame: ${model}): string {`, `return \`${body.join('')}\``, '}', '')
  out.doc(
    `Reads ${shown}. The last field takes the rest verbatim, separators included, and may be empty. Never throws.`,
    from,
  )
  out.print(`export function ${names.parse}(text: string): ${model} | FrameProblem {`)
  emitParser(out, frame, names)
  out.print('}', '')
}

/** Separators first, then emptiness: a text with too few fields is malformed whatever its fields hold. */
function emitParser(out: Printer, frame: FrameSpec, names: FrameNames): void {
  const { head, fields, separators } = layout(frame)
  if (names.prefix !== undefined) out.print(`if (!text.startsWith(${names.prefix})) return 'not-a-frame'`)
  let start = String(head.length)
  const values: string[] = []
  const empty: string[] = []
  separators.forEach((separator, index) => {
    out.print(`const end${index} = text.indexOf(${quote(separator)}, ${start})`)
    out.print(`if (end${index} === -1) return 'frame-malformed'`)
    values.push(start === '0' ? `text.slice(0, end${index})` : `text.slice(${start}, end${index})`)
    empty.push(`end${index} === ${start}`)
    start = `end${index} + ${separator.length}`
  })
  if (empty.length > 0) out.print(`if (${empty.join(' || ')}) return 'slug-empty'`)
  values.push(`text.slice(${start})`)
  out.print(`return { ${fields.map((name, index) => `${key(name)}: ${values[index]}`).join(', ')} }`)
}

/** A template as leading literal, fields, and the separator after each field but the last. */
function layout(frame: FrameSpec): { head: string; fields: string[]; separators: string[] } {
  const parts = frame.parts[0]?.kind === 'literal' ? frame.parts.slice(1) : frame.parts
  const alternates = parts.every((part, index) => part.kind === (index % 2 === 0 ? 'field' : 'literal'))
  if (!alternates || parts.length % 2 === 0) {
    throw new EmitError(frame.pointer, `template \`${frame.template}\` must separate its fields and end with one`)
  }
  return {
    head: literalOf(frame.parts[0]),
    fields: parts.flatMap(part => (part.kind === 'field' ? [part.name] : [])),
    separators: parts.flatMap(part => (part.kind === 'literal' ? [part.text] : [])),
  }
}

function literalOf(part: Part | undefined): string {
  return part?.kind === 'literal' ? part.text : ''
}

function access(name: string): string {
  return key(name) === name ? `.${name}` : `[${quote(name)}]`
}

function template(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('`', '\\`').replaceAll('${', '\\${')
}
