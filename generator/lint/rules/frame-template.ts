import { splitTemplate } from '../../build/messages.js'
import type { LintContext, MessageSite } from '../context.js'
import type { Finding, LintRule } from '../rule.js'
import { isObj, listing, type Obj, own, stringsOf } from '../tree.js'

/** The generated parser cuts at the literals, so that the template must be unambiguous and complete. */
export const frameTemplate: LintRule = {
  id: 'WG020',
  name: 'frame-template',
  doc: 'A frame template has a literal between its fields, which are the required string properties of its schema.',
  *check(context) {
    for (const site of context.messages) {
      const frame = site.message['x-wgrok-frame']
      const template = own(frame, 'template')
      if (!isObj(frame) || typeof template !== 'string') continue
      const at = `${site.pointer}/x-wgrok-frame`
      yield* checkPayload(context, site, at)
      yield* checkTemplate(context, frame, template, at)
    }
  },
}

function* checkPayload(context: LintContext, site: MessageSite, at: string): Generator<Finding> {
  const contentType = site.message['contentType'] ?? context.root['defaultContentType']
  const payload = context.follow(site.payload, site.payloadPointer)?.schema
  if (contentType !== 'text/plain' || payload?.['type'] !== 'string') {
    yield {
      pointer: at,
      message: 'a frame is text, this message is not',
      hint: 'set `contentType: text/plain` and a payload of `type: string`',
    }
  }
}

function* checkTemplate(context: LintContext, frame: Obj, template: string, at: string): Generator<Finding> {
  const parts = splitTemplate(template)
  const names = parts.flatMap(part => (part.kind === 'field' ? [part.name] : []))
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1]
    if (part.kind !== 'field' || next?.kind !== 'field') continue
    yield {
      pointer: `${at}/template`,
      message: `nothing separates {${part.name}} and {${next.name}}`,
      hint: 'put a literal between them',
    }
  }
  for (const name of names.filter((field, index) => names.indexOf(field) !== index)) {
    yield { pointer: `${at}/template`, message: `{${name}} appears twice`, hint: 'name every field once' }
  }
  const ref = own(frame['fields'], '$ref')
  const hasFields = frame['fields'] !== undefined
  if (hasFields !== names.length > 0) {
    yield {
      pointer: `${at}/${hasFields ? 'fields' : 'template'}`,
      message: hasFields ? 'a literal template has no fields' : `nothing says what ${listing(names)} are`,
      hint: hasFields ? 'remove `fields`' : 'add `fields` with a $ref to the schema that has them as properties',
    }
    return
  }
  const target = typeof ref === 'string' ? context.follow(frame['fields'], at) : undefined
  if (target !== undefined) yield* checkFields(context, names, target.schema, target.pointer, at)
}

function* checkFields(
  context: LintContext,
  names: readonly string[],
  schema: Obj,
  schemaPointer: string,
  at: string,
): Generator<Finding> {
  const required = stringsOf(schema['required'])
  for (const name of new Set(names)) {
    const property = own(schema['properties'], name)
    const resolved = context.follow(property, at)?.schema
    if (property !== undefined && resolved?.['type'] === 'string' && required.includes(name)) continue
    yield {
      pointer: `${at}/template`,
      message: `{${name}} is not a required string property of ${schemaPointer}`,
      hint: 'declare it there with `type: string` and list it in `required`, or correct the template',
    }
  }
  for (const name of required.filter(property => !names.includes(property))) {
    yield {
      pointer: `${at}/template`,
      message: `the template lacks {${name}}, which ${schemaPointer} requires`,
      hint: `add {${name}} to the template, or make the property optional`,
    }
  }
}
