import type { Example, FrameSpec, Json, Message, Part, RawSchema } from '../ir.js'
import type { ModelBuilder } from './models.js'
import type { SpecNode } from './node.js'

/** Reads components.messages. */
export function readMessages(root: SpecNode, models: ModelBuilder): Message[] {
  const fallback = root.text('defaultContentType') ?? 'application/json'
  return (root.maybe('components')?.children('messages') ?? []).map(([name, entry]) => {
    const node = entry.follow()
    const payload = payloadOf(node)
    return {
      name,
      ...node.optional('title', node.text('title')),
      ...node.optional('summary', node.text('summary')),
      ...node.optional('doc', node.text('description')),
      deprecated: node.flag('deprecated'),
      contentType: node.text('contentType') ?? fallback,
      payload: models.typeOf(payload, `${name}Payload`),
      schema: payload.value as RawSchema,
      schemaPointer: payload.pointer,
      ...node.optional('frame', readFrame(node)),
      examples: node.items('examples').map((example, index) => readExample(example, index)),
      pointer: node.pointer,
    }
  })
}

/** Splits `./echo:{to}:{payload}` into literals and fields. */
export function splitTemplate(template: string): Part[] {
  return template
    .split(/(\{[^{}]*\})/)
    .filter(text => text !== '')
    .map(text => (text.startsWith('{') ? { kind: 'field', name: text.slice(1, -1) } : { kind: 'literal', text }))
}

function payloadOf(node: SpecNode): SpecNode {
  const payload = node.get('payload')
  // A Multi Format Schema Object wraps the schema one level deeper.
  return payload.maybe('schemaFormat') === undefined ? payload : payload.get('schema')
}

function readExample(node: SpecNode, index: number): Example {
  return {
    name: node.text('name') ?? `example${index + 1}`,
    ...node.optional('summary', node.text('summary')),
    payload: node.get('payload').value as Json,
    pointer: node.pointer,
  }
}

function readFrame(message: SpecNode): FrameSpec | undefined {
  const node = message.maybe('x-wgrok-frame')
  if (node === undefined) return undefined
  const template = node.string('template')
  const parts = splitTemplate(template)
  const fields = node.maybe('fields')
  if (parts.some(part => part.kind === 'field') !== (fields !== undefined)) {
    node.fail('ir-frame', 'a template with fields needs `fields`, a literal template has none')
  }
  return {
    name: node.string('name'),
    template,
    parts,
    ...node.optional('fields', fields?.refName('#/components/schemas')),
    trim: node.flag('trim'),
    pointer: node.pointer,
  }
}
