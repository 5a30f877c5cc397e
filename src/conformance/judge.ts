import { playScript } from './driver/script.js'
import { promising, ROLES } from './features.js'
import { containsAll, matchesExactly, matchesUnordered } from './match.js'
import { roundtrip } from './roundtrip.js'
import { type ConformanceCase, type Expectation, nameOf, opOf, requirementsOf, type Suite } from './suite.js'
import type { Answer, Hello, Testee } from './testee.js'

/** What came of a case. */
export interface Judgement {
  readonly verdict: 'pass' | 'fail' | 'fault' | 'skip' | 'n/a'
  /** Why it is not a pass. */
  readonly reason?: string
  /** Where the testee's people say more about a skip. */
  readonly issue?: string
  /** Stack of a fault. */
  readonly trace?: string
}

/** One line between runner and testee. */
export interface WireLine {
  readonly direction: '>' | '<'
  readonly text: string
}

/** Options of {@link judge}. */
export interface JudgeOptions {
  /** How long a step of a script may take, in ms. Default 5000. */
  readonly patience?: number
  /** Undoes what the testee did, in round trips. Default: the testee itself. */
  readonly inverse?: Testee
  readonly log?: (line: WireLine) => void
}

const PASS: Judgement = { verdict: 'pass' }
const PATIENCE_MS = 5000

/** Why a case does not apply to a testee; undefined when it does. */
export function notApplicable(suite: Suite, item: ConformanceCase, hello: Hello): string | undefined {
  const required = requirementsOf(suite, item)
  const lacking = required.filter(feature => !hello.features.includes(feature))
  if (lacking.length > 0) return `not declared: ${lacking.join(', ')}`
  const op = opOf(suite, item)
  const offered = ROLES.includes(op) || hello.ops.includes(op) || promising(required, op) !== undefined
  return offered ? undefined : `no operation ${op}`
}

/** Runs one case and judges the answer. Texts of errors do not count, only codes. */
export async function judge(
  suite: Suite,
  item: ConformanceCase,
  testee: Testee,
  hello: Hello,
  options: JudgeOptions = {},
): Promise<Judgement> {
  const absent = notApplicable(suite, item, hello)
  if (absent !== undefined) return { verdict: 'n/a', reason: absent }
  const op = opOf(suite, item)
  if (item.script !== undefined) return judgeScript(op, item.script, testee, options)
  const feature = promising(requirementsOf(suite, item), op)
  if (!hello.ops.includes(op)) return fail(`declared ${feature}, but has no ${op}`)
  const answer = await logged(testee, options).run(op, item.input, nameOf(suite, item))
  if ('ok' in answer || 'error' in answer) return judgeAnswer(op, item, answer, testee, options)
  return unanswered(answer)
}

async function judgeScript(
  role: string,
  steps: NonNullable<ConformanceCase['script']>,
  testee: Testee,
  { patience = PATIENCE_MS, log }: JudgeOptions,
): Promise<Judgement> {
  const write = (direction: '>' | '<', text: string): void => log?.({ direction, text })
  const played = await playScript(role, steps, testee, { patience, log: write })
  if ('failed' in played) return fail(played.failed)
  return 'ok' in played ? PASS : unanswered(played)
}

function unanswered(answer: Extract<Answer, { skip: unknown } | { fault: unknown }>): Judgement {
  if ('skip' in answer) {
    const { why, issue } = answer.skip
    return { verdict: 'skip', reason: why, ...(issue === undefined ? {} : { issue }) }
  }
  const { text, trace } = answer.fault
  return { verdict: 'fault', reason: text, ...(trace === undefined ? {} : { trace }) }
}

async function judgeAnswer(
  op: string,
  { input, expect }: ConformanceCase,
  answer: Extract<Answer, { ok: unknown } | { error: unknown }>,
  testee: Testee,
  options: JudgeOptions,
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
  const problem = await roundtrip(op, input, answer.ok, expect.ok, logged(options.inverse ?? testee, options))
  return problem === undefined ? PASS : fail(problem)
}

/** The same testee, what it is asked and answers written down. */
function logged(testee: Testee, { log }: JudgeOptions): Pick<Testee, 'run'> {
  if (log === undefined) return testee
  return {
    run: async (op, input, name) => {
      log({ direction: '>', text: JSON.stringify({ op, input }) })
      const answer = await testee.run(op, input, name)
      log({ direction: '<', text: JSON.stringify(answer) })
      return answer
    },
  }
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
