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
  readonly script?: readonly Step[]
  readonly expect: Expectation
}

/**
 * A step of a script. Steps without `peer` mean the connection that was opened last. In frames `${name}` is any value at
 * first and the same value later, `${*}` any value or none, `${~code}` a text that is the code or begins with it and a
 * colon.
 */
export interface Step {
  /** Connect as `platform:token`, or accept the connection of a client; with `expectClose` the HTTP status of a refusal. */
  readonly open?: string
  readonly peer?: string
  /** A frame of the protocol. */
  readonly send?: unknown
  /** Text that need not be one. */
  readonly sendRaw?: string
  readonly expectFrame?: unknown
  readonly expectClose?: number
  /** Nothing comes for so many ms. */
  readonly expectSilence?: number
  readonly drop?: 'clean' | 'abrupt'
}

/** A case file. Its schema is `suite.schema.json`. */
export interface Suite {
  readonly format: 1
  readonly suite: string
  readonly title: string
  readonly op: string
  readonly requires?: readonly string[]
  /** What the flags of cases stand for. */
  readonly notes?: Readonly<Record<string, { readonly kind: string; readonly text: string }>>
  readonly cases: readonly ConformanceCase[]
}

/** The name of a case everywhere: in reports, baselines and requirements. */
export function nameOf(suite: Suite, item: ConformanceCase): string {
  return `${suite.suite}#${item.id}`
}

/** The operation of a case. */
export function opOf(suite: Suite, item: ConformanceCase): string {
  return item.op ?? suite.op
}

/** Everything that a case needs a testee to have. */
export function requirementsOf(suite: Suite, item: ConformanceCase): readonly string[] {
  return [...(suite.requires ?? []), ...(item.requires ?? [])]
}
