/** How bad a {@link Problem} is: an `error` stops generation, a `warning` does not. */
export type Severity = 'error' | 'warning'

/** One finding about the spec, from the YAML reader, the AsyncAPI parser, the lint rules or the IR builder. */
export interface Problem {
  /** Stable id, e.g. `WG012`, `yaml-duplicate-key`, or the parser's own rule name. */
  readonly code: string
  readonly severity: Severity
  /** JSON pointer with a leading `#`, e.g. `#/components/schemas/Platform`. */
  readonly pointer: string
  /** The spec's file name as the user gave it. */
  readonly file: string
  /** 1-based. */
  readonly line: number
  /** 1-based. */
  readonly col: number
  readonly message: string
  /** What to change, when that is known. */
  readonly hint?: string
}

/** A spec that cannot be generated from. Carries every problem found, never just the first. */
export class SpecError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.name = 'SpecError'
    this.problems = problems
  }
}

/** `file:line:col code message (hint)`, on one line, so that editors and CI logs can jump to it. */
export function formatProblem(problem: Problem): string {
  const hint = problem.hint === undefined ? '' : ` (${oneLine(problem.hint)})`
  return `${problem.file}:${problem.line}:${problem.col} ${problem.code} ${oneLine(problem.message)}${hint}`
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim()
}
