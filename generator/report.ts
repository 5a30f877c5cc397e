import { relative } from 'node:path'
import type { ExitCode, GenerateIo, GenerateOptions } from './options.js'
import { MissingPeerError } from './peers.js'
import { formatProblem, type Problem, SpecError } from './problem.js'
import type { Drift } from './sync.js'

/** What a run found and did. */
export interface Result {
  readonly exit: ExitCode
  readonly problems: readonly Problem[]
  readonly drift: readonly Drift[]
  /** Requests that could not be met, one line each. */
  readonly failures: readonly string[]
  /** How many files the spec gives. */
  readonly files: number
  readonly ms: number
}

/** Tells the result of a run that got to its end. */
export function reportResult(options: GenerateOptions, io: GenerateIo, result: Result): void {
  if (options.json) {
    printJson(options, io, result)
    return
  }
  const { problems, drift, failures, files, ms } = result
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`)
  for (const one of drift) {
    io.stdout(`${relative(options.cwd, one.path)} ${options.check ? one.kind : DONE[one.kind]}\n`)
    if (!options.check || one.difference === undefined) continue
    io.stdout(`  line ${one.difference.line}\n${one.difference.hunk.map(line => `  ${line}\n`).join('')}`)
  }
  for (const failure of failures) io.stderr(`${failure}\n`)
  const out = relative(options.cwd, options.out) || '.'
  if (drift.length === 0) io.stdout(`${out} is up to date: ${files} files, ${ms} ms\n`)
  else if (options.check)
    io.stdout(`${count(drift.length)} not as ${options.spec} says: run the same without --check\n`)
  else io.stdout(`${count(drift.length)} changed, ${ms} ms\n`)
}

/** Tells what stopped a run, and gives the exit code for it. */
export function reportFailure(cause: unknown, options: GenerateOptions, io: GenerateIo): ExitCode {
  const problems = cause instanceof SpecError ? cause.problems : []
  const failures = cause instanceof SpecError ? [] : [failureText(cause)]
  const exit = cause instanceof SpecError || cause instanceof MissingPeerError ? 2 : 3
  if (options.json) printJson(options, io, { exit, problems, drift: [], failures, files: 0, ms: 0 })
  else for (const line of [...problems.map(formatProblem), ...failures]) io.stderr(`${line}\n`)
  return exit
}

const DONE: Readonly<Record<Drift['kind'], string>> = {
  missing: 'written',
  stale: 'rewritten',
  orphaned: 'deleted',
  foreign: 'is not generated: move it elsewhere',
}

function failureText(cause: unknown): string {
  if (cause instanceof MissingPeerError) return cause.message
  return `internal: ${cause instanceof Error ? cause.stack : String(cause)}`
}

function count(files: number): string {
  return files === 1 ? '1 file' : `${files} files`
}

function printJson(options: GenerateOptions, io: GenerateIo, { drift, ...rest }: Result): void {
  const paths = drift.map(one => ({ ...one, path: relative(options.cwd, one.path) }))
  io.stdout(`${JSON.stringify({ ok: rest.exit === 0, check: options.check, ...rest, drift: paths })}\n`)
}
