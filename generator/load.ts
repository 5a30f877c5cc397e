import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Document, LineCounter, Node, YAMLError } from 'yaml'
import { loadYaml } from './peers.js'
import { parsePointer, valueAt } from './pointer.js'
import { type Problem, SpecError } from './problem.js'

/** Where something stands in the spec; both 1-based. */
export interface Position {
  readonly line: number
  readonly col: number
}

/** What a `$ref` points at. `pointer` is the target's own place, after any chain of `$ref`s. */
export interface Resolved {
  readonly pointer: string
  readonly value: unknown
}

/** The spec as read: the raw tree with `$ref`s intact, and the way back to line and column. */
export interface Source {
  /** As the user gave it; goes into messages, never into generated files. */
  readonly file: string
  /** LF line ends. */
  readonly text: string
  /** Hex, over the LF-normalised UTF-8 bytes, so that a checkout with CRLF has the same hash. */
  readonly sha256: string
  readonly root: unknown
  /** Position of the key (or list item) at a pointer, or of its nearest existing ancestor. */
  locate(pointer: string): Position | undefined
  /** Follows a local `$ref` (`#/...`), chains included; undefined when it dangles, loops, or is not local. */
  resolve(ref: string): Resolved | undefined
  /** A problem at a pointer, with its position filled in. Severity defaults to `error`. */
  problem(
    pointer: string,
    code: string,
    message: string,
    more?: { hint?: string; severity?: 'error' | 'warning' },
  ): Problem
}

/**
 * Reads a spec file.
 * @param path as the user gave it; messages show it like that
 * @param cwd what a relative path starts from; the working directory unless given
 * @throws SpecError when the file is unreadable, is not YAML, repeats a key, or is not a mapping.
 */
export async function loadSpec(path: string, cwd: string = process.cwd()): Promise<Source> {
  let text: string
  try {
    text = await readFile(resolve(cwd, path), 'utf8')
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable'
    throw new SpecError([
      {
        code: 'spec-unreadable',
        severity: 'error',
        pointer: '#',
        file: path,
        line: 1,
        col: 1,
        message: `cannot read the spec: ${code}`,
        hint: 'name another file with --spec FILE',
      },
    ])
  }
  return parseSpec(text, path)
}

/** {@link loadSpec} for text that is already in memory; `file` is only used in messages. */
export async function parseSpec(raw: string, file: string): Promise<Source> {
  const yaml = await loadYaml()
  const text = raw.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0) {
    throw new SpecError(document.errors.map(error => syntaxProblem(error, file, lines)))
  }
  let root: unknown
  try {
    root = document.toJS()
  } catch (cause) {
    throw new SpecError([{ ...at(file), code: 'yaml-alias', message: (cause as Error).message }])
  }
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    throw new SpecError([{ ...at(file), code: 'spec-not-a-mapping', message: 'the spec must be a YAML mapping' }])
  }

  const locate = (pointer: string) => locateIn(document, lines, parsePointer(pointer), yaml)
  return {
    file,
    text,
    sha256: createHash('sha256').update(text, 'utf8').digest('hex'),
    root,
    locate,
    resolve: ref => resolveIn(root, ref),
    problem: (pointer, code, message, more = {}) => ({
      code,
      severity: more.severity ?? 'error',
      pointer,
      file,
      ...(locate(pointer) ?? { line: 1, col: 1 }),
      message,
      ...(more.hint === undefined ? {} : { hint: more.hint }),
    }),
  }
}

function at(file: string): Omit<Problem, 'code' | 'message'> {
  return { severity: 'error', pointer: '#', file, line: 1, col: 1 }
}

function syntaxProblem(error: YAMLError, file: string, lines: LineCounter): Problem {
  const position = lines.linePos(error.pos[0])
  const code = `yaml-${error.code.toLowerCase().replaceAll('_', '-')}`
  return { ...at(file), code, line: position.line, col: position.col, message: error.message }
}

function resolveIn(root: unknown, ref: string): Resolved | undefined {
  let pointer = ref
  // A chain longer than this can only be a loop.
  for (let hops = 0; hops < 32; hops++) {
    if (!pointer.startsWith('#')) return undefined
    const value = valueAt(root, parsePointer(pointer))
    if (value === undefined) return undefined
    const next = (value as { $ref?: unknown } | null)?.$ref
    if (typeof next !== 'string') return { pointer, value }
    pointer = next
  }
  return undefined
}

function locateIn(
  document: Document,
  lines: LineCounter,
  path: readonly string[],
  yaml: typeof import('yaml'),
): Position | undefined {
  let node: unknown = document.contents
  let offset = (node as Node | null)?.range?.[0]
  for (const step of path) {
    if (yaml.isAlias(node)) node = node.resolve(document)
    let key: unknown
    if (yaml.isMap(node)) {
      const pair = node.items.find(item => String(yaml.isScalar(item.key) ? item.key.value : item.key) === step)
      if (pair === undefined) break
      key = pair.key
      node = pair.value
    } else if (yaml.isSeq(node)) {
      key = node.items[Number(step)]
      if (key === undefined) break
      node = key
    } else break
    offset = (key as Node).range?.[0] ?? offset
  }
  if (offset === undefined) return undefined
  const { line, col } = lines.linePos(offset)
  return { line, col }
}
