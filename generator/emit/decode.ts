import type { Spec } from '../ir.js'
import { quote } from '../names.js'
import type { Case, Direction } from './directions.js'
import { type FrameNames, frameNames, prefixLength } from './frames.js'
import { literalText } from './type-text.js'

/** The body of a decoder. */
export function decodeStatements(spec: Spec, direction: Direction): string[] {
  if (direction.isText) return decodeText(spec, direction)
  return direction.tag === undefined ? decodeUntagged(direction) : decodeTagged(direction, direction.tag)
}

/** A `switch` on the tag, then only that branch's validator: one precise error, and no other branch is tried. */
function decodeTagged(direction: Direction, tag: string): string[] {
  const access = `value[${quote(tag)}]`
  const kind = typeof direction.cases[0]?.tagValue === 'number' ? 'number' : 'string'
  const named = kind === 'number' ? 'type: String(type)' : 'type'
  return [
    "if (!isRecord(value)) return invalid(undefined, 'type', 'must be object')",
    `const type = Object.hasOwn(value, ${quote(tag)}) ? ${access} : undefined`,
    `if (typeof type !== '${kind}') return invalid(undefined, 'discriminator', ${quote(`tag "${tag}" must be ${kind}`)})`,
    'switch (type) {',
    ...direction.cases.flatMap(one => [
      `case ${literalText(one.tagValue ?? '')}:`,
      `if (${one.validator}(value)) return ${found(one, 'value')}`,
      `return { operation: 'invalid', ${named}, errors: ${one.validator}.errors ?? [] }`,
    ]),
    'default:',
    `return { operation: 'unknown', ${named} }`,
    '}',
  ]
}

/** Without a tag: every validator in turn; the errors are those of the last. */
function decodeUntagged(direction: Direction): string[] {
  const last = direction.cases.at(-1)
  return [
    ...direction.cases.map(one => `if (${one.validator}(value)) return ${found(one, 'value')}`),
    `return { operation: 'invalid', type: undefined, errors: ${last?.validator ?? ''}.errors ?? [] }`,
  ]
}

function decodeText(spec: Spec, direction: Direction): string[] {
  const frames = spec.messages.flatMap(message => (message.frame === undefined ? [] : [message.frame]))
  const named = direction.cases.flatMap(one => {
    const frame = one.message.frame
    return frame === undefined ? [] : [{ one, frame, names: frameNames(frame, frames) }]
  })
  const literals = named.filter(({ frame }) => frame.fields === undefined)
  const templates = named
    .filter(({ frame }) => frame.fields !== undefined)
    .sort((a, b) => prefixLength(b.frame) - prefixLength(a.frame))
  const open = templates.find(({ frame }) => prefixLength(frame) === 0)
  return [
    ...literals.map(({ one, names }) => `if (${names.is}(text)) return ${found(one, 'text', true)}`),
    ...templates.flatMap(({ one, names, frame }, index) =>
      decodeTemplate(one, names, index, prefixLength(frame) === 0),
    ),
    ...(open === undefined ? ["return { operation: 'unknown', type: undefined }"] : []),
  ]
}

/** A template that a prefix claims is not tried as another one when it turns out malformed. */
function decodeTemplate(one: Case, names: FrameNames, index: number, isOpen: boolean): string[] {
  const name = `frame${index}`
  const problem = `invalid(${quote(one.message.name)}, ${name}, ${quote('the frame cannot be read')})`
  // Without a prefix any text without separators is simply something else.
  const other = isOpen ? 'frame-malformed' : 'not-a-frame'
  return [
    `const ${name} = ${names.parse}(text)`,
    `if (typeof ${name} !== 'string') return ${found(one, name)}`,
    isOpen
      ? `return ${name} === ${quote(other)} ? { operation: 'unknown', type: undefined } : ${problem}`
      : `if (${name} !== ${quote(other)}) return ${problem}`,
  ]
}

function found(one: Case, value: string, literal = false): string {
  // A literal is handed on without the white space that it may be surrounded by.
  const message = literal && one.message.payload.kind === 'literal' ? quote(String(one.message.payload.value)) : value
  return `{ operation: ${quote(one.operation.id)}, message: ${message} }`
}
