import { containsAll, matchesExactly, matchesUnordered } from './match.js'
import { roundtrip } from './roundtrip.js'
import { type ConformanceCase, type Expectation, opOf, requirementsOf, type Suite } from './suite.js'
import type { Answer, Hello, Testee } from './testee.js'

/** What came of a case. */
export interface Judgement {
  readonly verdict: 'pass' | 'fail' | 'fault' | 'skip' | 'n/a'
  /** Why it is not a pass. */
  readonly reason?: string
}

const PASS: Judgement = { verdict: 'pass' }

/** Why a case does not apply to a testee; undefined when it does. */
export function notApplicable(suite: Suite, item: ConformanceCase, hello: Hello): string | undefined {
  const lacking = requirementsOf(suite, item).filter(feature => !hello.features.includes(feature))
  return lacking.length === 0 ? undefined : `not declared: ${lacking.join(', ')}`
}

/** Runs one case and judges the answer. Texts of errors do not count, only codes. */
export async function judge(suite: Suite, item: ConformanceCase, testee: Testee, hello: Hello): Promise<Judgement> {
  const absent = notApplicable(suite, item, hello)
  if (absent !== undefined) return { verdict: 'n/a', reason: absent }
  const op = opOf(suite, item)
  if (!hello.ops.includes(op)) return { verdict: 'fail', reason: `declared what the case requires, but has no ${op}` }
  const answer = await testee.run(op, item.input)
  if ('fault' in answer) return { verdict: 'fault', reason: answer.fault.text }
  if ('skip' in answer) return { verdict: 'skip', reason: answer.skip.why }
  return judgeAnswer(op, item, answer, testee)
}

async function judgeAnswer(
  op: string,
  { input, expect }: ConformanceCase,
  answer: Extract<Answer, { ok: unknown } | { error: unknown }>,
  testee: Testee,
): Promise<Judgement> {
  if ('error' in expect) {
    if ('ok' in answer) return fail(`expected error ${expect.error}, got an answer`)
    const { code } = answer.error
    if (code === expect.error || expect.orErrors?.includes(code) === true) return PASS
    return fail(`expected error ${expect.error}, got ${code}`)
  }
  if ('error' in answer) return fail(`expected an answer, got error ${answer.error.code}`)
  if (expect.match !== 'roundtrip') {
    return matchesAs(expect, answer.ok) ? PASS : fail(`expected ${show(expect.ok)}, got ${show(answer.ok)}`)
  }
  const problem = await roundtrip(op, input, answer.ok, expect.ok, testee)
  return problem === undefined ? PASS : fail(problem)
}

function matchesAs({ ok, match = 'exact' }: Extract<Expectation, { ok: unknown }>, actual: unknown): boolean {
  if (match === 'subset') return containsAll(actual, ok)
  return match === 'unordered' ? matchesUnordered(actual, ok) : matchesExactly(actual, ok)
}

function fail(reason: string): Judgement {
  return { verdict: 'fail', reason }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}
