import type { LintContext } from './context.js'

/** What a rule found. `pointer` becomes line and column. */
export interface Finding {
  readonly pointer: string
  readonly message: string
  /** What to do about it. */
  readonly hint: string
}

/** One check of the spec that neither the YAML reader nor the AsyncAPI parser makes. */
export interface LintRule {
  /** Stable: an id is never given to another rule. */
  readonly id: `WG${string}`
  /** Kebab-case, the same as the file's name. */
  readonly name: string
  /** One sentence, for the list of rules. */
  readonly doc: string
  /**
   * Yields what is wrong. Must not throw on a spec of the wrong shape: the parser's own complaint about it is told in
   * the same run.
   */
  check(context: LintContext): Iterable<Finding>
}
