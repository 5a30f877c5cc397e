import { parseSpec } from './load.js'
import { loadPeer } from './peers.js'
import { joinPointer } from './pointer.js'
import { type Problem, SpecError } from './problem.js'

/** All that {@link validateSpec} needs of a {@link import('./load.js').Source}: it crosses a worker boundary. */
export interface SpecText {
  /** Used in the problems only; nothing is read from disk. */
  readonly file: string
  readonly text: string
}

/** The part of a Spectral diagnostic that the parser reports and we use. */
interface Diagnostic {
  readonly code: string | number
  readonly message: string
  /** 0 error, 1 warning, 2 information, 3 hint. */
  readonly severity: number
  readonly path: readonly (string | number)[]
  /** 0-based. */
  readonly range: { readonly start: { readonly line: number; readonly character: number } }
}

/** The document being on an older version than the parser's newest is a choice, not a problem. */
const IGNORED: ReadonlySet<string> = new Set(['asyncapi-latest-version'])

const HINTS: Readonly<Record<string, string>> = {
  'invalid-ref': 'define the target, or correct the $ref',
  'asyncapi-is-asyncapi': 'start the file with "asyncapi: 3.0.0"',
  'asyncapi3-operation-messages-from-referred-channel':
    'list the message under the channel and refer to it as #/channels/<channel>/messages/<message>',
  'asyncapi3-channel-parameters': 'keep the {parameters} of the address and the keys of "parameters" the same',
}

/**
 * What the AsyncAPI parser has to say about a spec, as {@link Problem}s in file order. Informational diagnostics are
 * left out. When the text is not even YAML, only the syntax errors are told: the rest would be about a broken tree.
 * @throws MissingPeerError without @asyncapi/parser
 */
export async function validateSpec(source: SpecText): Promise<Problem[]> {
  const { Parser } = await loadPeer('@asyncapi/parser', () => import('@asyncapi/parser'))
  const found: readonly Diagnostic[] = await new Parser().validate(source.text, { source: source.file })
  const problems = mapDiagnostics(found, source.file)
  return problems.length === 0 ? problems : await atKeys(problems, source)
}

/** The parser points at values, for mappings at the blank before them. Everything else here points at keys: so do we. */
async function atKeys(problems: readonly Problem[], { text, file }: SpecText): Promise<Problem[]> {
  try {
    const { locate } = await parseSpec(text, file)
    return sorted(problems.map(problem => ({ ...problem, ...locate(problem.pointer) })))
  } catch (cause) {
    if (cause instanceof SpecError) return [...problems]
    throw cause
  }
}

/** The pure half of {@link validateSpec}. */
export function mapDiagnostics(diagnostics: readonly Diagnostic[], file: string): Problem[] {
  const relevant = diagnostics.filter(({ code, severity }) => severity <= 1 && !IGNORED.has(String(code)))
  const syntax = relevant.filter(({ code, severity }) => code === 'parser' && severity === 0)
  const kept = syntax.length > 0 ? syntax : relevant.filter(diagnostic => !isEcho(diagnostic, relevant))
  const problems = sorted(kept.map(diagnostic => toProblem(diagnostic, file)))
  const seen = new Set<string>()
  return problems.filter(({ pointer, message }) => {
    const key = `${pointer} ${message}`
    return seen.size < seen.add(key).size
  })
}

/**
 * "must match else schema" and its like: an ancestor, or a place that refers to it, repeats that something deeper is
 * wrong. Worth telling only when nothing else says what.
 */
function isEcho(diagnostic: Diagnostic, all: readonly Diagnostic[]): boolean {
  return (
    isCombinator(diagnostic.message) &&
    all.some(({ code, severity, message }) => code === diagnostic.code && severity === 0 && !isCombinator(message))
  )
}

function sorted(problems: Problem[]): Problem[] {
  return problems.sort((a, b) => a.line - b.line || a.col - b.col)
}

function isCombinator(message: string): boolean {
  return /must match ("(if|then|else)" schema|a schema in anyOf|exactly one schema in oneOf)/.test(message)
}

function toProblem({ code, message, path, range, severity }: Diagnostic, file: string): Problem {
  const hint = HINTS[String(code)] ?? hintFor(message)
  return {
    code: code === 'parser' ? 'yaml-syntax' : String(code),
    severity: severity === 0 ? 'error' : 'warning',
    pointer: path.reduce<string>(joinPointer, '#'),
    file,
    line: range.start.line + 1,
    col: Math.max(range.start.character, 0) + 1,
    message,
    ...(hint === undefined ? {} : { hint }),
  }
}

function hintFor(message: string): string | undefined {
  if (message.endsWith('is not expected to be here')) return 'remove it, or give it an x- name'
  if (message.includes('must have required property')) return 'add the property'
  return undefined
}
