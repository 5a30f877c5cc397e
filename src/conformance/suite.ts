/** How the answer is compared with `ok`. Default `exact`. */
export type MatchMode = 'exact' | 'subset' | 'roundtrip' | 'unordered'

/** What a right answer is: a value, or an error code with the codes that will do as well. */
export type Expectation =
  | { readonly ok: unknown; readonly match?: MatchMode }
  | { readonly error: string; readonly orErrors?: readonly string[] }

/** One case of a suite. Its full name is `suite#id` and is never used again for another case. */
export interface ConformanceCase {
  readonly id: string
  readonly about: string
  /** Operation, where it is another than the suite's. */
  readonly op?: string
  /** Places in the spec that the case is drawn from. */
  readonly spec?: readonly string[]
  readonly level: 'must' | 'should' | 'may'
  /** First spec version that the case belongs to. */
  readonly since: string
  /** Last spec version that it belongs to. */
  readonly until?: string
  /** Features without which the case does not apply. */
  readonly requires?: readonly string[]
  readonly flags?: readonly string[]
  readonly input?: unknown
  /** Steps over a real connection, instead of `input`. */
  readonly script?: readonly unknown[]
  readonly expect: Expectation
}

/** A case file. Its schema is `suite.schema.json`. */
export interface Suite {
  readonly format: 1
  readonly suite: string
  readonly title: string
  readonly op: string
  readonly requires?: readonly string[]
  readonly cases: readonly ConformanceCase[]
}

/** The operation of a case. */
export function opOf(suite: Suite, item: ConformanceCase): string {
  return item.op ?? suite.op
}

/** Everything that a case needs a testee to have. */
export function requirementsOf(suite: Suite, item: ConformanceCase): readonly string[] {
  return [...(suite.requires ?? []), ...(item.requires ?? [])]
}
