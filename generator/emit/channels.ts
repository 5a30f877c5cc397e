import type { StatementStructures } from 'ts-morph'
import type { Channel, Operation, Spec } from '../ir.js'
import { constant, key, pascal, quote } from '../names.js'
import { loadTsMorph } from '../peers.js'
import { EmitError, type EmitOptions, type GeneratedFile } from './file.js'
import { docs, printStructures } from './morph.js'
import { generatedFrom, header, jsdoc } from './printer.js'

/** channels.ts: addresses, written and read, and the table of operations. */
export async function emitChannels(spec: Spec, options: EmitOptions): Promise<GeneratedFile> {
  const { StructureKind, VariableDeclarationKind } = await loadTsMorph()
  const statements: (string | StatementStructures)[] = []
  for (const channel of spec.channels) {
    if (channel.address === null) continue
    check(channel)
    const name = constant(channel.id)
    const from = generatedFrom(channel.pointer)
    statements.push({
      kind: StructureKind.VariableStatement,
      isExported: true,
      declarationKind: VariableDeclarationKind.Const,
      docs: docs(`Address of \`${channel.id}\`, as a template.`, from),
      declarations: [{ name: `${name}_ADDRESS`, initializer: quote(channel.address) }],
    })
    if (channel.params.length > 0) {
      statements.push({
        kind: StructureKind.Interface,
        name: `${pascal(channel.id)}Params`,
        isExported: true,
        docs: docs(`What varies in {@link ${name}_ADDRESS}.`, from),
        properties: channel.params.map(param => ({
          name: key(param.name),
          isReadonly: true,
          docs: docs(param.doc),
          type: param.values === undefined ? 'string' : param.values.map(quote).join(' | '),
        })),
      })
    }
    statements.push(
      {
        kind: StructureKind.Function,
        name: `${lowerFirst(pascal(channel.id))}Address`,
        isExported: true,
        docs: docs(`Writes an address of \`${channel.id}\`; values are percent-encoded.`, from),
        parameters: channel.params.length === 0 ? [] : [{ name: 'params', type: `${pascal(channel.id)}Params` }],
        returnType: 'string',
        statements: [`return ${addressText(channel)}`],
      },
      {
        kind: StructureKind.Function,
        name: `match${pascal(channel.id)}`,
        isExported: true,
        docs: docs(matchDoc(channel), from),
        parameters: [{ name: 'path', type: 'string' }],
        returnType: channel.params.length === 0 ? 'boolean' : `${pascal(channel.id)}Params | undefined`,
        statements: [matchStatements(channel).join('\n')],
      },
    )
  }
  if (spec.channels.some(channel => channel.params.length > 0)) statements.push(SEGMENT)
  statements.push(operationsTable(spec))
  return { path: 'channels.ts', text: await printStructures(header(spec, options), statements) }
}

const SEGMENT = `
/** One decoded path segment; undefined when it is empty, holds a slash, or is badly encoded. */
function segment(text: string): string | undefined {
  if (text === '' || text.includes('/')) return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
`

function addressText(channel: Channel): string {
  if (channel.params.length === 0) return `${constant(channel.id)}_ADDRESS`
  const parts = channel.parts.map(part => {
    if (part.kind === 'literal') return quote(part.text)
    return `encodeURIComponent(params[${quote(part.name)}])`
  })
  return parts.join(' + ')
}

function matchDoc(channel: Channel): string {
  return channel.params.length === 0
    ? `True for the path of \`${channel.id}\`. The query must be cut off.`
    : `Reads a path of \`${channel.id}\`; undefined when it is not one. The query must be cut off.`
}

function matchStatements(channel: Channel): string[] {
  if (channel.params.length === 0) return [`return path === ${constant(channel.id)}_ADDRESS`]
  const [first, ...rest] = channel.parts
  const head = first?.kind === 'literal' ? first.text : ''
  const parts = head === '' ? channel.parts : rest
  const lines = [`if (!path.startsWith(${quote(head)})) return undefined`]
  const members: string[] = []
  let start = String(head.length)
  parts.forEach((part, index) => {
    if (part.kind === 'literal') return
    const next = parts[index + 1]
    const isLast = index + 2 >= parts.length
    const end = next?.kind === 'literal' ? `end${index}` : ''
    if (next?.kind === 'literal') {
      const find = isLast ? `path.length - ${next.text.length}` : `path.indexOf(${quote(next.text)}, ${start})`
      const test = isLast ? `!path.endsWith(${quote(next.text)}) || end${index} < ${start}` : `end${index} === -1`
      lines.push(`const end${index} = ${find}`, `if (${test}) return undefined`)
    }
    lines.push(`const value${index} = segment(path.slice(${end === '' ? start : `${start}, ${end}`}))`)
    lines.push(`if (value${index} === undefined) return undefined`)
    const values = channel.params.find(param => param.name === part.name)?.values
    if (values !== undefined) {
      lines.push(`if (${values.map(value => `value${index} !== ${quote(value)}`).join(' && ')}) return undefined`)
    }
    members.push(`${key(part.name)}: value${index}`)
    start = next?.kind === 'literal' ? `end${index} + ${next.text.length}` : 'path.length'
  })
  return [...lines, `return { ${members.join(', ')} }`]
}

function operationsTable(spec: Spec): string {
  const rows = spec.operations.map(operation =>
    [
      jsdoc([operation.summary ?? operation.doc, generatedFrom(operation.pointer)]),
      `${key(operation.id)}: ${operationText(operation)},`,
    ].join('\n'),
  )
  const doc = jsdoc([
    `Every operation, told from the ${spec.perspective}'s side. \`reply\` is empty for those without an answer.`,
    generatedFrom('#/operations'),
  ])
  return `\n${doc}\nexport const OPERATIONS = {\n${rows.join('\n')}\n} as const\n`
}

function operationText(operation: Operation): string {
  const { id, action, channel, messages } = operation
  const list = (names: readonly string[]) => `[${names.map(quote).join(', ')}]`
  const reply = list(operation.reply?.messages ?? [])
  return `{ id: ${quote(id)}, action: ${quote(action)}, channel: ${quote(channel)}, messages: ${list(messages)}, reply: ${reply} }`
}

/** Every parameter is in the address, once, and two never touch: otherwise a path could not be read back. */
function check(channel: Channel): void {
  const names = channel.parts.flatMap(part => (part.kind === 'field' ? [part.name] : []))
  const declared = channel.params.map(param => param.name)
  const touches = channel.parts.some(
    (part, index) => part.kind === 'field' && channel.parts[index + 1]?.kind === 'field',
  )
  if (touches || new Set(names).size !== names.length || [...names].sort().join() !== [...declared].sort().join()) {
    throw new EmitError(channel.pointer, `the parameters of \`${channel.id}\` and of its address must be the same`)
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
