import type { RawSchema, Spec } from '../ir.js'
import { checkText, type TagOf } from './check.js'
import { HELPERS } from './check-helpers.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { generatedFrom, header, jsdoc, Printer } from './printer.js'
import { validatorSchema } from './schema-text.js'
import { importModels, modelsIn, typeText } from './type-text.js'

/** One exported validator. */
interface Entry {
  /** What references say, and the end of the functions' names. */
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
export function emitValidators(spec: Spec, options: EmitOptions): GeneratedFile[] {
  const entries = entriesOf(spec)
  const tagOf = tagReader(entries)
  const checks = entries.map(({ id, pointer, schema }) =>
    [
      jsdoc([generatedFrom(pointer)]),
      `export function validate${id}(data) {`,
      `return (validate${id}.errors = check${id}(data)) === null`,
      '}',
      '',
      checkText(id, schema, tagOf),
      '',
    ].join('\n'),
  )
  const text = [header(spec, options), '', ...usedHelpers(checks).map(helper => `${helper}\n`), ...checks].join('\n')
  return [
    { path: 'validators.js', text },
    { path: 'validators.d.ts', text: emitDeclarations(spec, options, entries) },
  ]
}

function usedHelpers(checks: readonly string[]): string[] {
  return HELPERS.filter(({ name }) => checks.some(text => text.includes(`${name}(`))).map(({ text }) => text)
}

/** Reads tags; lint has seen that every branch has one. */
function tagReader(entries: readonly Entry[]): TagOf {
  const follow = (schema: RawSchema | undefined): RawSchema | undefined => {
    const id = schema?.['$ref']
    return id === undefined ? schema : follow(entries.find(entry => entry.id === id)?.schema)
  }
  return (branch, property) => {
    const properties = follow(branch)?.['properties'] as Readonly<Record<string, RawSchema>> | undefined
    return String(follow(properties?.[property])?.['const'])
  }
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
