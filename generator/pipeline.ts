import { basename } from 'node:path'
import { EmitError, type EmitOptions } from './emit/file.js'
import { buildIr, type Spec } from './ir.js'
import { loadSpec, type Source } from './load.js'
import type { ParserWorker } from './parser-worker.js'
import { loadPeer } from './peers.js'
import { type Problem, SpecError } from './problem.js'
import { render } from './render.js'

/** A spec that passed, and what it turned into. */
export interface Build {
  readonly spec: Spec
  readonly options: EmitOptions
  /** Path below the output folder -> content. */
  readonly files: ReadonlyMap<string, string>
  /** Warnings only. */
  readonly problems: readonly Problem[]
}

/**
 * Spec file -> generated files. The parser works on its thread while the emitters run; nothing is returned before both
 * agree that the spec is good.
 * @param path as the user gave it, relative to `cwd`
 * @throws SpecError with every error found
 * @throws MissingPeerError
 */
export async function build(path: string, cwd: string, parser: ParserWorker): Promise<Build> {
  const source = await loadSpec(path, cwd)
  const options = { specName: basename(path) }
  const parsing = parser.validate(source)
  // The rejection is looked at below; until then it must not count as unhandled.
  parsing.catch(() => {})
  const { lintSpec } = await loadPeer('ajv', () => import('./lint/index.js'))
  const linted = lintSpec(source)
  const rendering = linted.some(isError) ? undefined : await settle(source, options)
  const problems = sorted([...(await parsing), ...linted])
  if (problems.some(isError)) throw new SpecError(problems.filter(isError))
  if (rendering === undefined) throw new Error('nothing was rendered')
  if ('failure' in rendering) throw asSpecError(rendering.failure, source)
  return { ...rendering, options, problems }
}

/** Reads a spec without checking it: enough to compare two that were checked when they were generated from. */
export async function readSpec(path: string, cwd: string): Promise<Spec> {
  const source = await loadSpec(path, cwd)
  return buildIr(source)
}

/** Keeps a failure until it is known whether the spec is at fault: then its problems say more. */
async function settle(
  source: Source,
  options: EmitOptions,
): Promise<{ spec: Spec; files: Map<string, string> } | { failure: unknown }> {
  try {
    const spec = buildIr(source)
    return { spec, files: await render(spec, options) }
  } catch (failure) {
    return { failure }
  }
}

function asSpecError(failure: unknown, source: Source): unknown {
  if (!(failure instanceof EmitError)) return failure
  return new SpecError([source.problem(failure.pointer, 'emit', failure.message)])
}

function isError(problem: Problem): boolean {
  return problem.severity === 'error'
}

function sorted(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => a.line - b.line || a.col - b.col)
}
