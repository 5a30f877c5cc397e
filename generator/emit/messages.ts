import type { Spec } from '../ir.js'
import { key, quote } from '../names.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { generatedFrom, header, oneLine, Printer } from './printer.js'
import { importModels, modelsIn, typeText } from './type-text.js'
import { messageValidator } from './validators.js'

/** messages.ts: every message by name, with its content type and validator. */
export function emitMessages(spec: Spec, options: EmitOptions): GeneratedFile {
  const validators = [...new Set(spec.messages.map(message => messageValidator(spec, message.name)))].sort()
  const from = generatedFrom('#/components/messages')
  const out = new Printer().print(header(spec, options), '')
  const models = importModels(
    spec,
    spec.messages.flatMap(message => modelsIn(message.payload)),
  )
  if (models !== '') out.print(models)
  out.print(`import { type Validate, ${validators.join(', ')} } from './validators.js'`, '')
  out.doc('Every {@link MessageName}, in the order of the spec.', from).print('export const MESSAGE_NAMES = [')
  for (const message of spec.messages) out.print(`${quote(message.name)},`)
  out.print('] as const', '')
  out.doc('Name of a message.', from).print('export type MessageName = (typeof MESSAGE_NAMES)[number]', '')
  out.doc('Payload of each message, as it stands on the wire.', from).print('export interface MessagePayloads {')
  for (const message of spec.messages) {
    out.doc(message.summary ?? message.doc ?? message.title, generatedFrom(message.pointer))
    out.print(`readonly ${key(message.name)}: ${typeText(message.payload)}`)
  }
  out.print('}', '')
  out.doc('What is known about a message.').print('export interface MessageEntry<Payload = unknown> {')
  out.print('readonly contentType: string')
  out.doc('Checks a payload.').print('readonly validate: Validate<Payload>')
  out.print('readonly doc: string', '}', '')
  out.doc('Every message by name.', from)
  out.print('export const MESSAGES: { readonly [Name in MessageName]: MessageEntry<MessagePayloads[Name]> } = {')
  for (const message of spec.messages) {
    const doc = oneLine(message.summary ?? message.doc ?? message.title ?? message.name)
    const validate = messageValidator(spec, message.name)
    out.print(
      `${key(message.name)}: { contentType: ${quote(message.contentType)}, validate: ${validate}, doc: ${quote(doc)} },`,
    )
  }
  out.print('}', '')
  out.doc('True for one of {@link MESSAGE_NAMES}.', from)
  out.print('export function isMessageName(value: unknown): value is MessageName {')
  out.print('return (MESSAGE_NAMES as readonly unknown[]).includes(value)', '}')
  return { path: 'messages.ts', text: out.toString() }
}
