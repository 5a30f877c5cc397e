import { isFailure, type Report, type ResultRecord, VERDICTS } from '../../conformance/report/records.js'
import type { CliIo } from '../io.js'
import { printable } from '../text.js'

/** Longest reason on one line, in characters. */
const REASON_MAX = 300

/** Prints what came of a run: every failure by name, then the counts. The last line is `N passed, M failed`. */
export async function printOutcome(io: CliIo, report: Report, trace: boolean): Promise<void> {
  const { header, outcomes, footer } = report
  const { impl } = header
  await io.stdout(
    `${printable(`${impl.name} ${impl.version} (${impl.language})`)}, spec ${header.spec}, ${header.cases} cases\n`,
  )
  const results = outcomes.map(({ result }) => result)
  for (const text of lines(results, trace)) await io.stdout(`${printable(text)}\n`)
  for (const problem of footer.baseline ?? []) await io.stdout(`baseline ${printable(problem)}\n`)
  if (footer.restarts !== undefined && footer.restarts > 0) {
    await io.stdout(`the testee was started again ${times(footer.restarts)}\n`)
  }
  const rest = VERDICTS.filter(verdict => verdict !== 'pass' && verdict !== 'fail' && verdict !== 'fault')
    .filter(verdict => (footer.counts[verdict] ?? 0) > 0)
    .map(verdict => `${footer.counts[verdict]} ${verdict}`)
  const spared = results.filter(result => isFailure(result) && !result.scored && result.verdict !== 'xpass').length
  if (spared > 0) rest.push(`${spared} failed but not scored`)
  if (rest.length > 0) await io.stdout(`${rest.join(', ')}\n`)
  await io.stdout(`${footer.passed} passed, ${footer.failed} failed\n`)
}

function* lines(results: readonly ResultRecord[], trace: boolean): Generator<string> {
  const [first] = results
  // A testee that never said hello fails everything for one reason.
  if (first?.verdict === 'fault' && results.every(({ reason }) => reason === first.reason)) {
    yield `fault ${results.length} cases: ${first.reason}`
    return
  }
  for (const result of results) {
    if (!isFailure(result) && result.verdict !== 'skip' && !trace) continue
    const spared = result.scored ? '' : ` (not scored: ${result.notScored})`
    const reason = result.reason === undefined ? '' : `: ${clip(result.reason)}`
    yield `${result.verdict} ${result.case}${spared}${reason}${result.issue === undefined ? '' : ` | ${result.issue}`}`
    if (!trace) continue
    for (const { direction, text } of result.wire ?? []) yield `  ${direction} ${text}`
    if (result.trace !== undefined) yield `  ${result.trace.replaceAll('\n', '\n  ')}`
  }
}

function clip(text: string): string {
  return text.length > REASON_MAX ? `${text.slice(0, REASON_MAX)}…` : text
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`
}
