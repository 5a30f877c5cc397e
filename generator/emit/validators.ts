import type { RawSchema, Spec } from '../ir.js'
import { loadAjv } from '../peers.js'
import { compileSchema, HELPERS } from './ajv-source.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { generatedFrom, header, Printer } from './printer.js'
import { validatorSchema } from './schema-text.js'
import { importModels, modelsIn, typeText } from './type-text.js'

/** One exported validator. */
interface Entry {
  /** `$id` inside Ajv and end of the function's name. */
  readonly id: string
  readonly schema: RawSchema
  readonly pointer: string
  /** What the validator proves, as TypeScript. */
  readonly type: string
}

/** Name of the function that validates the payload of a message. */
export function messageValidator(spec: Spec, name: string): string {
  return `validate${messageSchemaName(spec, name)}`
}

/**
 * The name under which a message's payload schema goes out. It is the message's own name, unless a schema that is not
 * its payload has taken that name.
 */
export function messageSchemaName(spec: Spec, name: string): string {
  const message = spec.messages.find(candidate => candidate.name === name)
  const taken = spec.models.some(model => model.name === name)
  const same = message?.payload.kind === 'ref' && message.payload.model === name
  return taken && !same ? `${name}Payload` : name
}

/** validators.js and validators.d.ts: one function per schema and message, no imports, no eval. */
export async function emitValidators(spec: Spec, options: EmitOptions): Promise<GeneratedFile[]> {
  const entries = entriesOf(spec)
  const { Ajv } = await loadAjv()
  const ajv = new Ajv({
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    discriminator: true,
    inlineRefs: false,
    // Without it `required: ['constructor']` holds for every object.
    ownProperties: true,
    logger: false,
    code: { source: true, esm: true, lines: true },
  })
  for (const entry of entries) ajv.addSchema({ $id: entry.id, ...entry.schema })
  const compiled = entries.map(entry => compileSchema(ajv, entry.id, entry.pointer))
  const helpers = HELPERS.filter(helper => compiled.some(result => result.helpers.has(helper.name)))
  const text = [
    header(spec, options),
    '',
    ...helpers.map(helper => `${helper.text}\n`),
    ...compiled.map(result => result.text),
  ].join('\n')
  if (/\brequire\(|\bimport\(|new Function\b/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, '""'))) {
    throw new Error('Ajv left an import in the validators')
  }
  return [
    { path: 'validators.js', text },
    { path: 'validators.d.ts', text: emitDeclarations(spec, options, entries) },
  ]
}

function entriesOf(spec: Spec): Entry[] {
  const schemas = spec.models
    .filter(model => !model.inline)
    .map(model => ({
      id: model.name,
      schema: validatorSchema(model.schema),
      pointer: model.pointer,
      type: model.name,
    }))
  const names = new Set(schemas.map(entry => entry.id))
  const messages = spec.messages
    .map(message => ({
      id: messageSchemaName(spec, message.name),
      schema: validatorSchema(message.schema),
      pointer: message.pointer,
      type: typeText(message.payload),
    }))
    .filter(entry => !names.has(entry.id))
  return [...schemas, ...messages]
}

function emitDeclarations(spec: Spec, options: EmitOptions, entries: readonly Entry[]): string {
  const used = [
    ...spec.models.filter(model => !model.inline).map(model => model.name),
    ...spec.messages.flatMap(message => modelsIn(message.payload)),
  ]
  const out = new Printer().print(header(spec, options), '', importModels(spec, used), '')
  out.doc('One violation. It names places and rules, and never quotes more of the data than a tag or a property name.')
  out.print('export interface ValidationError {')
  out.doc("JSON pointer into the data; '' is the data itself.").print('readonly instancePath: string')
  out.doc('JSON pointer to the rule.').print('readonly schemaPath: string')
  out.print(
    'readonly keyword: string',
    'readonly params: Readonly<Record<string, unknown>>',
    'readonly message?: string',
    '}',
  )
  out.print('')
  out.doc('A type guard that leaves its findings of the last call in `errors`. It stops at the first violation.')
  out.print('export interface Validate<T> {', '(data: unknown): data is T')
  out.print('errors?: readonly ValidationError[] | null', '}', '')
  for (const entry of entries) {
    out.doc(generatedFrom(entry.pointer))
    out.print(`export declare const validate${entry.id}: Validate<${entry.type}>`, '')
  }
  return out.toString()
}
