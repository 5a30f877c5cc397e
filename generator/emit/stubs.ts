import type { StatementStructures } from 'ts-morph'
import { messageOf, type Spec } from '../ir.js'
import { isIdentifier, pascal, quote } from '../names.js'
import { loadTsMorph } from '../peers.js'
import { decodeStatements } from './decode.js'
import { type Direction, directionsOf, messageType } from './directions.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { frameNames } from './frames.js'
import { docs, printStructures } from './morph.js'
import { generatedFrom, header } from './printer.js'
import { importModels } from './type-text.js'

/**
 * stubs.ts: per channel and direction a handler interface, a decoder and a dispatcher. They know what may be sent and
 * received, and do no I/O. A class that implements a handler interface stops compiling when the spec gains an operation.
 */
export async function emitStubs(spec: Spec, options: EmitOptions): Promise<GeneratedFile> {
  const { StructureKind } = await loadTsMorph()
  const directions = directionsOf(spec)
  const statements: (string | StatementStructures)[] = [imports(spec, directions), ...helpers(directions)]
  for (const direction of directions) {
    const { channel, action } = direction
    statements.push(
      {
        kind: StructureKind.Interface,
        name: direction.handlers,
        isExported: true,
        typeParameters: ['Context', { name: 'Result', default: 'void' }],
        docs: docs(handlersDoc(spec, direction), generatedFrom(channel.pointer)),
        methods: direction.operations.map(operation => ({
          name: isIdentifier(operation.id) ? operation.id : quote(operation.id),
          docs: docs(operation.summary ?? operation.doc, generatedFrom(operation.pointer)),
          parameters: [
            { name: 'message', type: operation.messages.map(name => messageType(messageOf(spec, name))).join(' | ') },
            { name: 'context', type: 'Context' },
          ],
          returnType: 'Result',
        })),
      },
      {
        kind: StructureKind.TypeAlias,
        name: direction.decoded,
        isExported: true,
        docs: docs(`What {@link ${direction.decode}} finds.`, generatedFrom(channel.pointer)),
        type: direction.operations
          .map(operation => {
            const types = direction.cases.filter(one => one.operation === operation).map(one => one.type)
            return `{ readonly operation: ${quote(operation.id)}; readonly message: ${[...new Set(types)].join(' | ')} }`
          })
          .join('\n| '),
      },
      {
        kind: StructureKind.Function,
        name: direction.decode,
        isExported: true,
        docs: docs(decodeDoc(spec, direction), generatedFrom(channel.pointer)),
        parameters: [direction.isText ? { name: 'text', type: 'string' } : { name: 'value', type: 'unknown' }],
        returnType: `${direction.decoded} | Undecoded`,
        statements: [decodeStatements(spec, direction).join('\n')],
      },
      {
        kind: StructureKind.Function,
        name: direction.dispatch,
        isExported: true,
        typeParameters: ['C', 'R'],
        docs: docs(
          `{@link ${direction.decode}}, then the handler of the operation; \`undecoded\` gets the rest.`,
          generatedFrom(channel.pointer),
        ),
        parameters: [
          direction.isText ? { name: 'text', type: 'string' } : { name: 'value', type: 'unknown' },
          { name: 'handlers', type: `${direction.handlers}<C, R>` },
          { name: 'context', type: 'C' },
          { name: 'undecoded', type: '(undecoded: Undecoded, context: C) => R' },
        ],
        returnType: 'R',
        statements: [dispatchStatements(direction).join('\n')],
      },
    )
    const replies = direction.operations.filter(operation => operation.reply !== undefined)
    if (replies.length === 0) continue
    statements.push({
      kind: StructureKind.Interface,
      name: `${pascal(channel.id)}${action === 'receive' ? '' : 'Sent'}Replies`,
      isExported: true,
      docs: docs(`Answers to operations on \`${channel.id}\`.`, generatedFrom(channel.pointer)),
      properties: replies.map(operation => ({
        name: isIdentifier(operation.id) ? operation.id : quote(operation.id),
        isReadonly: true,
        docs: docs(generatedFrom(`${operation.pointer}/reply`)),
        type: (operation.reply?.messages ?? []).map(name => messageType(messageOf(spec, name))).join(' | ') || 'never',
      })),
    })
  }
  return { path: 'stubs.ts', text: await printStructures(header(spec, options), statements) }
}

const UNDECODED = `
/** A message that belongs to no operation, or breaks the schema of the one that it names. */
export type Undecoded =
  | { readonly operation: 'unknown'; readonly type: string | undefined }
  | { readonly operation: 'invalid'; readonly type: string | undefined; readonly errors: readonly ValidationError[] }
`

const IS_RECORD = `
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
`

const INVALID = `
function invalid(type: string | undefined, keyword: string, message: string): Undecoded {
  return { operation: 'invalid', type, errors: [{ instancePath: '', schemaPath: \`#/\${keyword}\`, keyword, params: {}, message }] }
}
`

/** What the decoders share, as far as there is one that needs it. */
function helpers(directions: readonly Direction[]): string[] {
  const isTagged = directions.some(direction => direction.tag !== undefined)
  const isFramed = directions.some(direction => direction.cases.some(one => one.message.frame?.fields !== undefined))
  return [UNDECODED, ...(isTagged ? [IS_RECORD] : []), ...(isTagged || isFramed ? [INVALID] : [])]
}

function imports(spec: Spec, directions: readonly Direction[]): string {
  const cases = directions.flatMap(direction => direction.cases)
  const replied = directions.flatMap(one => one.operations.flatMap(operation => operation.reply?.messages ?? []))
  const types = [...cases.map(one => one.message), ...replied.map(name => messageOf(spec, name))].map(messageType)
  const used = spec.models.map(model => model.name).filter(name => types.some(type => mentions(type, name)))
  const validators = directions.filter(one => !one.isText).flatMap(one => one.cases.map(two => two.validator))
  const frames = directions
    .filter(one => one.isText)
    .flatMap(one => one.cases.flatMap(two => frameImports(spec, two.message.name)))
  return [
    frames.length === 0 ? '' : `import { ${[...new Set(frames)].sort().join(', ')} } from './frames.js'`,
    importModels(spec, used),
    `import { type ValidationError, ${[...new Set(validators)].sort().join(', ')} } from './validators.js'`,
  ]
    .filter(line => line !== '')
    .join('\n')
}

function frameImports(spec: Spec, message: string): string[] {
  const frame = messageOf(spec, message).frame
  if (frame === undefined) return []
  const names = frameNames(
    frame,
    spec.messages.flatMap(one => (one.frame === undefined ? [] : [one.frame])),
  )
  return frame.fields === undefined ? [names.is] : [names.parse]
}

function mentions(type: string, name: string): boolean {
  return new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`).test(type.replace(/'(?:[^'\\]|\\.)*'/g, ''))
}

function handlersDoc(spec: Spec, { channel, action }: Direction): string {
  return action === 'receive'
    ? `What the ${spec.perspective} receives on \`${channel.id}\`: the ${spec.perspective} handles these, a peer sends them.`
    : `What the ${spec.perspective} sends on \`${channel.id}\`: the ${spec.perspective} writes these, a peer handles them.`
}

function decodeDoc(spec: Spec, { channel, action, isText }: Direction): string {
  const what = `Tells what was ${action === 'receive' ? `sent to the ${spec.perspective}` : `sent by the ${spec.perspective}`} on \`${channel.id}\``
  return isText
    ? `${what}: literals first, then templates from the most specific prefix to the least. Never throws.`
    : `${what}, and checks it against its schema. Never throws.`
}

function dispatchStatements(direction: Direction): string[] {
  const input = direction.isText ? 'text' : 'value'
  const lines = [`const decoded = ${direction.decode}(${input})`, 'switch (decoded.operation) {']
  for (const { id } of direction.operations) {
    const method = isIdentifier(id) ? `.${id}` : `[${quote(id)}]`
    lines.push(`case ${quote(id)}:`, `return handlers${method}(decoded.message, context)`)
  }
  return [...lines, 'default:', 'return undecoded(decoded, context)', '}']
}
