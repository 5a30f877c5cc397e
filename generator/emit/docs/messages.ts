import type { Message, Operation, Spec } from '../../ir.js'
import { jsonText } from './json.js'
import { code, inline, link, type Markdown, prose } from './markdown.js'
import { limits, modelBody, modelTarget, typeCell } from './types.js'

/** Link target of a message. */
export function messageTarget(name: string): string {
  return `message ${name}`
}

/** A link to a message, by the title that people call it. */
export function messageLink(name: string): string {
  return link(name, messageTarget(name))
}

/** The entry of one message: what it is, who sends it, its form, its fields, its examples. */
export function messageEntry(out: Markdown, spec: Spec, message: Message): void {
  const shown = payloadModel(spec, message)
  const targets = shown === undefined ? [] : [modelTarget(shown.name)]
  out.heading(3, message.name, messageTarget(message.name), ...targets)
  if (message.deprecated) out.block('**Deprecated.**')
  out.block(prose(message.summary))
  out.block(prose(message.doc))
  out.block(traffic(spec, message))
  if (message.frame === undefined) payload(out, spec, message)
  else frame(out, message)
  examples(out, message)
}

function payload(out: Markdown, spec: Spec, message: Message): void {
  const model = payloadModel(spec, message)
  if (model === undefined) {
    const constraints = limits(message.schema)
    out.block(`Payload: ${typeCell(spec, message.payload)}${constraints === '' ? '' : `, ${constraints}`}.`)
  } else modelBody(out, spec, model)
}

function frame(out: Markdown, message: Message): void {
  const { frame: form } = message
  if (form === undefined) return
  out.fence('text', form.template)
  if (form.fields === undefined) {
    out.block(form.trim ? 'White space around it is ignored.' : 'Nothing may stand around it.')
    return
  }
  const fields = form.parts.filter(part => part.kind === 'field').map(part => code(part.name))
  const last = fields.at(-1) ?? ''
  out.block(
    `The fields are those of ${link(form.fields, modelTarget(form.fields))}. Every field but the last ends at the text that follows it in the template and is not empty; ${last} is the rest, whatever it holds.`,
  )
}

function examples(out: Markdown, message: Message): void {
  const isText = message.examples.every(({ payload: value }) => typeof value === 'string')
  for (const { name, summary, payload: value } of message.examples) {
    out.block(`Example ${code(name)}${summary === undefined ? ':' : `: ${inline(summary)}`}`)
    out.fence(isText ? 'text' : 'json', isText ? String(value) : jsonText(value))
  }
}

/** The model of the same name, which a message's entry shows so that the Types chapter need not. */
export function payloadModel(spec: Spec, message: Message): Spec['models'][number] | undefined {
  const { payload: type } = message
  if (type.kind !== 'ref' || type.model !== message.name || message.frame !== undefined) return undefined
  return spec.models.find(model => model.name === type.model)
}

/** "Sent by the router (`routerMessage`), received by it (`adapterMessage`)." */
function traffic(spec: Spec, message: Message): string {
  const name = message.name
  const me = inline(spec.perspective)
  const named = (filter: (operation: Operation) => boolean) =>
    spec.operations
      .filter(filter)
      .map(operation => code(operation.id))
      .join(', ')
  const sentences: [string, string][] = [
    [`The ${me} receives it`, named(one => one.action === 'receive' && one.messages.includes(name))],
    [`The ${me} sends it`, named(one => one.action === 'send' && one.messages.includes(name))],
    [
      `The ${me} answers with it`,
      named(one => one.action === 'receive' && one.reply?.messages.includes(name) === true),
    ],
    [
      `The ${me} gets it as the answer`,
      named(one => one.action === 'send' && one.reply?.messages.includes(name) === true),
    ],
  ]
  const told = sentences.filter(([, ids]) => ids !== '').map(([text, ids]) => `${text} (${ids}).`)
  return [...told, `Content type ${code(message.contentType)}.`].join(' ')
}
