import { WgrokError } from '../errors.js'
import type { Baseline } from './baseline.js'
import { type Judgement, judge, type WireLine } from './judge.js'
import type { CaseRecord, FooterRecord, HeaderRecord, ReportRecord, ResultRecord, Verdict } from './report/records.js'
import { notScored, type Requirements } from './requirements.js'
import { type ConformanceCase, nameOf, opOf, type Suite } from './suite.js'
import type { Hello, Testee } from './testee.js'

/** Options of {@link runSuites}. */
export interface RunOptions {
  readonly spec: string
  /** Version of this library. */
  readonly runner: string
  readonly command?: readonly string[]
  readonly baseline?: Baseline | undefined
  readonly requirements?: Requirements | undefined
  /** A failed `should` does not fail the run. Default false. */
  readonly lenient?: boolean
  /** Keep what went over the wire of every case, not only of those that fail. Default false. */
  readonly trace?: boolean
  /** How long a step of a script may take, in ms. Default 5000. */
  readonly patience?: number
  /** Undoes what the testee did, in round trips. */
  readonly inverse?: Testee
  /** All cases are run, so that what is left over in the baseline is stale. */
  readonly whole: boolean
  /** How often the testee was started again. */
  readonly restarts?: () => number
  readonly signal?: AbortSignal
}

/** What a testee is called that never said who it is. */
const NOBODY: Hello = {
  protocol: 1,
  impl: { name: 'unknown', language: 'unknown', version: 'unknown' },
  specs: [],
  ops: [],
  features: [],
}

/**
 * Runs cases one after the other.
 *
 * @returns the lines of the report, as they come to be
 * @throws WgrokError `config-invalid` when the testee cannot be started, `aborted`
 */
export async function* runSuites(
  suites: readonly Suite[],
  testee: Testee,
  options: RunOptions,
): AsyncGenerator<ReportRecord, FooterRecord> {
  const begun = performance.now()
  const { hello, failure } = await introduce(testee)
  const tally = new Tally()
  yield header(hello, suites, options)
  for (const suite of suites) {
    for (const item of suite.cases) {
      if (options.signal?.aborted === true) throw new WgrokError('aborted', 'interrupted')
      yield asked(suite, item)
      const result =
        failure === undefined
          ? await resultOf(suite, item, testee, hello, options)
          : { ...frame(suite, item, options), verdict: 'fault' as const, reason: failure, ms: 0 }
      tally.add(result)
      yield result
    }
  }
  const footer = tally.footer(options, performance.now() - begun)
  yield footer
  return footer
}

async function introduce(testee: Testee): Promise<{ readonly hello: Hello; readonly failure?: string }> {
  try {
    return { hello: await testee.hello() }
  } catch (error) {
    const failure = WgrokError.from(error)
    if (failure.code !== 'platform-rejected') throw failure
    return { hello: NOBODY, failure: failure.message.replace('[platform-rejected] ', '') }
  }
}

function header({ impl, features }: Hello, suites: readonly Suite[], options: RunOptions): HeaderRecord {
  return {
    kind: 'header',
    report: 1,
    time: new Date().toISOString(),
    spec: options.spec,
    runner: `wgrok ${options.runner}`,
    ...(options.command === undefined ? {} : { command: options.command }),
    impl,
    features,
    cases: suites.reduce((sum, { cases }) => sum + cases.length, 0),
  }
}

function asked(suite: Suite, item: ConformanceCase): CaseRecord {
  const { about, level, spec, input, script, expect } = item
  return {
    kind: 'case',
    case: nameOf(suite, item),
    about,
    level,
    op: opOf(suite, item),
    ...(spec === undefined ? {} : { spec }),
    ...(script === undefined ? { input } : { script }),
    expect,
  }
}

function frame(
  suite: Suite,
  item: ConformanceCase,
  options: Pick<RunOptions, 'requirements' | 'lenient'>,
): Pick<ResultRecord, 'kind' | 'case' | 'scored' | 'notScored'> {
  const spared = notScored(suite, item, options)
  const name = nameOf(suite, item)
  return {
    kind: 'result',
    case: name,
    scored: spared === undefined,
    ...(spared === undefined ? {} : { notScored: spared }),
  }
}

async function resultOf(
  suite: Suite,
  item: ConformanceCase,
  testee: Testee,
  hello: Hello,
  { patience, inverse, trace, ...options }: RunOptions,
): Promise<ResultRecord> {
  const wire: WireLine[] = []
  const begun = performance.now()
  const judged = await judge(suite, item, testee, hello, {
    log: line => wire.push(line),
    ...(patience === undefined ? {} : { patience }),
    ...(inverse === undefined ? {} : { inverse }),
  })
  const ms = Math.round((performance.now() - begun) * 1000) / 1000
  const result = { ...frame(suite, item, options), ...withBaseline(judged, nameOf(suite, item), options.baseline), ms }
  return trace === true || (result.verdict !== 'pass' && wire.length > 0) ? { ...result, wire } : result
}

/** A failure that is listed is expected, a pass that is listed is not. */
function withBaseline(
  judged: Judgement,
  name: string,
  baseline: Baseline | undefined,
): Omit<Judgement, 'verdict'> & { readonly verdict: Verdict } {
  if (judged.verdict === 'n/a' || judged.verdict === 'skip') return judged
  const entry = baseline?.find(name)
  if (entry === undefined) return judged
  const issue = entry.issue === undefined ? {} : { issue: entry.issue }
  if (judged.verdict === 'pass') {
    return { verdict: 'xpass', reason: `passes, but line ${entry.line} of the baseline says that it fails`, ...issue }
  }
  if (entry.message !== undefined && !judged.reason?.startsWith(entry.message)) {
    const reason = `${judged.reason} (line ${entry.line} of the baseline expects another reason: ${entry.message})`
    return { ...judged, reason, ...issue }
  }
  return { ...judged, verdict: 'xfail', ...issue }
}

class Tally {
  readonly #counts = new Map<Verdict, number>()
  #failed = 0

  add({ verdict, scored }: ResultRecord): void {
    this.#counts.set(verdict, (this.#counts.get(verdict) ?? 0) + 1)
    if (verdict === 'xpass' || (scored && (verdict === 'fail' || verdict === 'fault'))) this.#failed += 1
  }

  footer({ baseline, restarts, whole }: RunOptions, ms: number): FooterRecord {
    const passed = this.#counts.get('pass') ?? 0
    const problems = baseline?.problems(whole) ?? []
    return {
      kind: 'footer',
      passed,
      failed: this.#failed,
      counts: Object.fromEntries(this.#counts),
      ...(problems.length === 0 ? {} : { baseline: problems }),
      ...(restarts === undefined ? {} : { restarts: restarts() }),
      conformant: this.#failed === 0 && passed > 0 && problems.length === 0,
      ms: Math.round(ms),
    }
  }
}
