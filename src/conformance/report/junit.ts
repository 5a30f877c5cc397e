import { type Outcome, type Report, suiteOf } from './records.js'

/** Reports as JUnit XML, one test suite per implementation and suite of cases. */
export function writeJunit(reports: readonly Report[]): string {
  const suites = reports.flatMap(report =>
    [...groupBySuite(report.outcomes)].map(([name, outcomes]) => suite(report, name, outcomes)),
  )
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="wgrok conformance">\n${suites.join('')}</testsuites>\n`
}

/** Outcomes by the suite of their cases, in their order. */
export function groupBySuite(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  const groups = new Map<string, Outcome[]>()
  for (const outcome of outcomes) {
    const name = suiteOf(outcome.asked.case)
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [outcome])
    else group.push(outcome)
  }
  return groups
}

function suite({ header }: Report, name: string, outcomes: readonly Outcome[]): string {
  const failures = outcomes.filter(({ result }) => kindOf(result) === 'failure').length
  const errors = outcomes.filter(({ result }) => kindOf(result) === 'error').length
  const skipped = outcomes.filter(({ result }) => kindOf(result) === 'skipped').length
  const seconds = outcomes.reduce((sum, { result }) => sum + result.ms, 0) / 1000
  const attributes = `name="${xml(`${header.impl.name}: ${name}`)}" tests="${outcomes.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${seconds.toFixed(3)}" timestamp="${xml(header.time.slice(0, 19))}"`
  return `  <testsuite ${attributes}>\n${outcomes.map(outcome => testcase(name, outcome)).join('')}  </testsuite>\n`
}

function testcase(suiteName: string, { asked, result }: Outcome): string {
  const name = asked.case.slice(suiteName.length + 1)
  const attributes = `classname="${xml(suiteName)}" name="${xml(`${name}: ${asked.about}`)}" time="${(result.ms / 1000).toFixed(6)}"`
  const kind = kindOf(result)
  if (kind === undefined) return `    <testcase ${attributes}/>\n`
  const text = `${result.verdict}${result.scored ? '' : ` (${result.notScored})`}: ${result.reason ?? ''}`
  const inner =
    kind === 'skipped'
      ? `<skipped message="${xml(text)}"/>`
      : `<${kind} message="${xml(text)}">${xml(result.trace ?? text)}</${kind}>`
  return `    <testcase ${attributes}>${inner}</testcase>\n`
}

/** What does not count is shown as skipped: a build server knows no other way not to fail. */
function kindOf({ verdict, scored }: Outcome['result']): 'failure' | 'error' | 'skipped' | undefined {
  if (verdict === 'pass') return undefined
  if (verdict === 'xpass') return 'failure'
  if (!scored) return 'skipped'
  return verdict === 'fail' ? 'failure' : verdict === 'fault' ? 'error' : 'skipped'
}

/** What XML 1.0 cannot hold or has to escape for another reason: controls and halves of surrogate pairs. */
const NOT_XML = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff]|\p{Cs}/gu

function xml(text: string): string {
  return text.replace(NOT_XML, '\ufffd').replace(/[&<>"\n\r\t]/g, char => `&#${char.charCodeAt(0)};`)
}
