import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Baseline, matchesPattern, readBaseline, writeBaseline } from '../../conformance/baseline.js'
import { ProcessTestee } from '../../conformance/driver/process-testee.js'
import { filterCases, loadSuites } from '../../conformance/load.js'
import type {
  CaseRecord,
  FooterRecord,
  HeaderRecord,
  Outcome,
  Report,
  ResultRecord,
} from '../../conformance/report/records.js'
import { loadRequirements } from '../../conformance/requirements.js'
import { type RunOptions, runSuites } from '../../conformance/run.js'
import type { Suite } from '../../conformance/suite.js'
import type { Testee } from '../../conformance/testee.js'
import { wgrokTestee } from '../../conformance/wgrok-testee.js'
import { WgrokError } from '../../errors.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { CliIo } from '../io.js'
import { casesFolder, packageVersion } from './places.js'
import { Progress } from './progress.js'
import { type ReportFlags, writeReports } from './reports.js'
import { printOutcome } from './summary.js'

/** Options of `wgrok conformance run`. */
export interface RunFlags extends ReportFlags {
  readonly cases?: string
  readonly spec: string
  readonly only?: readonly string[]
  readonly skip?: readonly string[]
  readonly baseline?: string
  readonly updateBaseline?: boolean
  readonly lenient?: boolean
  readonly trace?: boolean
  readonly timeout: number
  readonly with?: string
}

/** Longest time until a testee has said hello, in ms, unless the time for an answer is longer. */
const HELLO_MS = 10_000

/** Runs cases against a command, or against this library. */
export async function run(io: CliIo, command: readonly string[], flags: RunFlags): Promise<ExitCode> {
  const folder = casesFolder(io, flags.cases)
  const all = await loadSuites(folder, flags.spec)
  const suites = chosen(all, flags)
  const whole = flags.only === undefined && flags.skip === undefined
  const baseline = await loadBaseline(io, flags, whole)
  const [testee, other] = [openTestee(io, command, flags), openOther(io, flags)]
  const options: RunOptions = {
    spec: flags.spec,
    runner: packageVersion(),
    baseline: flags.updateBaseline === true ? undefined : baseline,
    requirements: await loadRequirements(folder, flags.spec),
    lenient: flags.lenient === true,
    trace: flags.trace === true,
    patience: Math.max(5000, flags.timeout * 1000),
    whole,
    signal: io.interrupted,
    ...(command.length === 0 ? {} : { command }),
    ...(other === undefined ? {} : { inverse: other }),
    ...(testee instanceof ProcessTestee ? { restarts: () => testee.restarts } : {}),
  }
  // Ctrl-C must not wait for a testee that hangs.
  const stop = (): void => void testee.close?.()
  io.interrupted.addEventListener('abort', stop, { once: true })
  try {
    await other?.hello()
    const report = await collect(io, suites, testee, options)
    await writeReports(io, flags, [report], () => printOutcome(io, report, flags.trace === true))
    if (flags.updateBaseline === true) {
      await saveBaseline(io, flags.baseline ?? '', report, baseline)
      return EXIT.ok
    }
    return report.footer.conformant ? EXIT.ok : EXIT.no
  } finally {
    io.interrupted.removeEventListener('abort', stop)
    await Promise.all([testee.close?.(), other?.close?.()])
  }
}

/** Cases by the patterns of `--only` and `--skip`; a name without # stands for a whole suite. */
export function chosen(
  suites: readonly Suite[],
  { only, skip }: { readonly only?: readonly string[]; readonly skip?: readonly string[] },
): Suite[] {
  const fits = (name: string, pattern: string): boolean =>
    matchesPattern(name, pattern.includes('#') ? pattern : `${pattern}#**`)
  const left = filterCases(
    suites,
    name =>
      (only === undefined || only.some(pattern => fits(name, pattern))) &&
      !(skip ?? []).some(pattern => fits(name, pattern)),
  )
  if (left.length === 0)
    throw new WgrokError('config-invalid', 'no case has such a name; wgrok conformance list has all')
  return left
}

async function collect(io: CliIo, suites: readonly Suite[], testee: Testee, options: RunOptions): Promise<Report> {
  const progress = new Progress(io)
  const outcomes: Outcome[] = []
  let header: HeaderRecord | undefined
  let footer: FooterRecord | undefined
  let asked: CaseRecord | undefined
  const add = (result: ResultRecord): void => {
    if (asked !== undefined) outcomes.push({ asked, result })
    progress.step(result, outcomes.length, header?.cases ?? 0)
  }
  try {
    for await (const record of runSuites(suites, testee, options)) {
      if (record.kind === 'header') header = record
      else if (record.kind === 'case') asked = record
      else if (record.kind === 'result') add(record)
      else footer = record
    }
  } finally {
    progress.clear()
  }
  if (header === undefined || footer === undefined) throw new WgrokError('internal', 'the run has no end')
  return { header, outcomes, footer }
}

function openTestee(io: CliIo, command: readonly string[], flags: RunFlags): Testee {
  if (command.length === 0) return wgrokTestee(packageVersion())
  return processTestee(io, command, flags)
}

function openOther(io: CliIo, flags: RunFlags): Testee | undefined {
  if (flags.with === undefined) return undefined
  const command = flags.with.split(/\s+/).filter(word => word !== '')
  if (command.length === 0) throw new WgrokError('config-invalid', '--with names no command')
  return command[0] === 'wgrok' && command.length === 1
    ? wgrokTestee(packageVersion())
    : processTestee(io, command, flags)
}

function processTestee(io: CliIo, command: readonly string[], { spec, timeout }: RunFlags): ProcessTestee {
  const timeoutMs = timeout * 1000
  return new ProcessTestee({ command, cwd: io.cwd, spec, timeoutMs, helloMs: Math.max(HELLO_MS, timeoutMs) })
}

async function loadBaseline(io: CliIo, flags: RunFlags, whole: boolean): Promise<Baseline | undefined> {
  if (flags.updateBaseline === true && (flags.baseline === undefined || !whole)) {
    throw new WgrokError('config-invalid', '--update-baseline needs --baseline and a run of all cases')
  }
  if (flags.baseline === undefined) return undefined
  try {
    return readBaseline(await readFile(resolve(io.cwd, flags.baseline), 'utf8'))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' && flags.updateBaseline === true) return undefined
    if (cause instanceof WgrokError) throw cause
    throw new WgrokError('config-invalid', `the baseline cannot be read (${code})`, { cause })
  }
}

async function saveBaseline(io: CliIo, file: string, report: Report, old: Baseline | undefined): Promise<void> {
  const failures = report.outcomes
    .filter(({ result }) => result.verdict === 'fail' || result.verdict === 'fault')
    .map(({ result }) => ({ name: result.case, reason: result.reason ?? '' }))
  await writeFile(resolve(io.cwd, file), writeBaseline(failures, old))
  io.stderr(`${file} lists ${failures.length} failures\n`)
}
