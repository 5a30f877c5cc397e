import type { WireLine } from '../judge.js'
import type { ConformanceCase } from '../suite.js'
import type { Hello } from '../testee.js'

/** What came of a case, the baseline considered. */
export type Verdict = 'pass' | 'fail' | 'fault' | 'skip' | 'n/a' | 'xfail' | 'xpass'

/** In the order in which they are counted out. */
export const VERDICTS: readonly Verdict[] = ['pass', 'fail', 'fault', 'xpass', 'xfail', 'skip', 'n/a']

/** First line of a run. */
export interface HeaderRecord {
  readonly kind: 'header'
  readonly report: 1
  readonly time: string
  readonly spec: string
  readonly runner: string
  readonly command?: readonly string[]
  readonly impl: Hello['impl']
  readonly features: readonly string[]
  readonly cases: number
}

/** What is asked. */
export interface CaseRecord {
  readonly kind: 'case'
  readonly case: string
  readonly about: string
  readonly level: ConformanceCase['level']
  readonly op: string
  readonly spec?: readonly string[]
  readonly input?: unknown
  readonly script?: readonly unknown[]
  readonly expect: ConformanceCase['expect']
}

/** What came of it. */
export interface ResultRecord {
  readonly kind: 'result'
  readonly case: string
  readonly verdict: Verdict
  readonly scored: boolean
  readonly notScored?: string
  readonly reason?: string
  readonly issue?: string
  readonly ms: number
  readonly trace?: string
  readonly wire?: readonly WireLine[]
}

/** Last line of a run. */
export interface FooterRecord {
  readonly kind: 'footer'
  readonly passed: number
  readonly failed: number
  readonly counts: Readonly<Partial<Record<Verdict, number>>>
  readonly baseline?: readonly string[]
  readonly restarts?: number
  readonly conformant: boolean
  readonly ms: number
}

/** One line of a report. */
export type ReportRecord = HeaderRecord | CaseRecord | ResultRecord | FooterRecord

/** A case and what came of it. */
export interface Outcome {
  readonly asked: CaseRecord
  readonly result: ResultRecord
}

/** One run, put together from its lines. */
export interface Report {
  readonly header: HeaderRecord
  readonly outcomes: readonly Outcome[]
  readonly footer: FooterRecord
}

/** Whether a result is one that somebody has to look at. */
export function isFailure({ verdict }: ResultRecord): boolean {
  return verdict === 'fail' || verdict === 'fault' || verdict === 'xpass'
}

/** The suite that a case belongs to. */
export function suiteOf(name: string): string {
  return name.slice(0, name.indexOf('#'))
}
