import { basename } from 'node:path'
import { EmitError, type EmitOptions } from './emit/file.js'
import { buildIr, type ObjectModel, type Spec } from './ir.js'
import { loadSpec, type Source } from './load.js'
import { loadPeer } from './peers.js'
import { type Problem, SpecError } from './problem.js'
import { render } from './render.js'
import type { GeneratorThread } from './thread.js'

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
export async function build(path: string, cwd: string, thread: GeneratorThread): Promise<Build> {
  const source = await loadSpec(path, cwd)
  const options = { specName: basename(path) }
  const read = attempt(() => buildIr(source))
  // Asked first, so that the interfaces are there when the other emitters are done; the parser takes longer.
  const interfaces = 'value' in read ? thread.interfaces(objectsOf(read.value)) : undefined
  const parsing = thread.validate(source)
  const { lintSpec } = await loadPeer('ajv', () => import('./lint/index.js'))
  const linted = lintSpec(source)
  const rendered =
    'failure' in read || interfaces === undefined || linted.some(isError)
      ? undefined
      : await attemptAsync(() => render(read.value, options, () => interfaces))
  const problems = sorted([...(await parsing), ...linted])
  if (problems.some(isError)) throw new SpecError(problems.filter(isError))
  if ('failure' in read) throw read.failure
  if (rendered === undefined) throw new Error('nothing was rendered')
  if ('failure' in rendered) throw asSpecError(rendered.failure, source)
  return { spec: read.value, files: rendered.value, options, problems }
}

/** Reads a spec without checking it: enough to compare two that were checked when they were generated from. */
export async function readSpec(path: string, cwd: string): Promise<Spec> {
  const source = await loadSpec(path, cwd)
  return buildIr(source)
}

/** A result, or what was thrown: kept until it is known whether the spec is at fault, since its problems say more. */
type Attempt<T> = { readonly value: T } | { readonly failure: unknown }

function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { value: run() }
  } catch (failure) {
    return { failure }
  }
}

async function attemptAsync<T>(run: () => Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await run() }
  } catch (failure) {
    return { failure }
  }
}

function objectsOf(spec: Spec): ObjectModel[] {
  return spec.models.filter(model => model.kind === 'object')
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
