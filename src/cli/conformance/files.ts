import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { readPeerFile } from '../../conformance/import/peer.js'
import { lintFolder } from '../../conformance/lint.js'
import { loadSuites } from '../../conformance/load.js'
import { readNdjson } from '../../conformance/report/ndjson.js'
import type { Report } from '../../conformance/report/records.js'
import { freeze, loadRequirements, requirementsFile } from '../../conformance/requirements.js'
import { wgrokTestee } from '../../conformance/wgrok-testee.js'
import { WgrokError } from '../../errors.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { CliIo } from '../io.js'
import { count, printable } from '../text.js'
import { casesFolder, packageVersion, SPEC } from './places.js'
import { type ReportFlags, writeReports } from './reports.js'
import { printOutcome } from './summary.js'

interface FolderFlags {
  readonly cases?: string
  readonly spec?: string
  readonly freeze?: boolean
  readonly draft?: boolean
}

/** Checks case files; with `--freeze`, writes down what a spec version requires. */
export async function lint(io: CliIo, dir: string | undefined, flags: FolderFlags): Promise<ExitCode> {
  const folder = casesFolder(io, dir)
  const spec = flags.spec ?? SPEC
  if (flags.freeze === true || flags.draft === true) await writeRequirements(folder, spec, flags.draft !== true)
  const { ops } = await wgrokTestee(packageVersion()).hello()
  const { files, cases, problems } = await lintFolder(folder, spec, ops)
  for (const problem of problems) await io.stdout(`${printable(problem)}\n`)
  await io.stdout(`${count(files, 'file')}, ${count(cases, 'case')}, ${count(problems.length, 'problem')}\n`)
  return problems.length === 0 ? EXIT.ok : EXIT.no
}

async function writeRequirements(folder: string, spec: string, released: boolean): Promise<void> {
  const file = requirementsFile(folder, spec)
  const old = await loadRequirements(folder, spec)
  if (old?.released === true && !released) {
    throw new WgrokError('config-invalid', `spec ${spec} is released: its requirements are no draft any more`)
  }
  const requirements = freeze(await loadSuites(folder, spec), spec, released, old)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, `${JSON.stringify(requirements, null, 2)}\n`)
}

/** Copies what another runner would need. */
export async function copy(io: CliIo, dir: string, flags: FolderFlags): Promise<ExitCode> {
  const spec = flags.spec ?? SPEC
  const folder = casesFolder(io, flags.cases)
  const target = resolve(io.cwd, dir)
  const suites = await loadSuites(folder, spec)
  await writable(mkdir(join(target, 'schemas'), { recursive: true }))
  for (const suite of suites.filter(({ cases }) => cases.length > 0)) {
    await writeFile(
      join(target, `${suite.suite.replaceAll('/', '-')}_cases.json`),
      `${JSON.stringify(suite, null, 2)}\n`,
    )
  }
  const requirements = await loadRequirements(folder, spec)
  if (requirements !== undefined) {
    await mkdir(join(target, 'requirements'), { recursive: true })
    await copyFile(requirementsFile(folder, spec), requirementsFile(target, spec))
  }
  for (const name of ['suite', 'driver', 'report']) {
    const schema = new URL(`../../conformance/${name}.schema.json`, import.meta.url)
    await copyFile(schema, join(target, 'schemas', `conformance-${name}.schema.json`))
  }
  const cases = suites.reduce((sum, suite) => sum + suite.cases.length, 0)
  await io.stdout(`${count(cases, 'case')} of spec ${spec} in ${dir}\n`)
  return EXIT.ok
}

/** Puts reports side by side. */
export async function merge(io: CliIo, files: readonly string[], flags: ReportFlags): Promise<ExitCode> {
  const reports: Report[] = []
  for (const file of files) reports.push(...readNdjson(await readText(io, file), file))
  await writeReports(io, flags, reports, async () => {
    for (const report of reports) await printOutcome(io, report, false)
  })
  return reports.every(({ footer }) => footer.conformant) ? EXIT.ok : EXIT.no
}

/** Turns a peer's case files into ours. */
export async function bring(io: CliIo, files: readonly string[], flags: { readonly out: string }): Promise<ExitCode> {
  const target = resolve(io.cwd, flags.out)
  await writable(mkdir(target, { recursive: true }))
  for (const file of files) {
    const { suite, left } = readPeerFile(basename(file), await readText(io, file))
    await writeFile(join(target, basename(file)), `${JSON.stringify(suite, null, 2)}\n`)
    await io.stdout(`${basename(file)}: ${count(suite.cases.length, 'case')}\n`)
    for (const what of left) io.stderr(`${basename(file)}: ${printable(what)} is left out: of an unknown form\n`)
  }
  return EXIT.ok
}

async function readText(io: CliIo, file: string): Promise<string> {
  try {
    return await readFile(resolve(io.cwd, file), 'utf8')
  } catch (cause) {
    throw new WgrokError('config-invalid', `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    })
  }
}

async function writable(work: Promise<unknown>): Promise<void> {
  await work.catch((cause: NodeJS.ErrnoException) => {
    throw new WgrokError('config-invalid', `the folder cannot be written (${cause.code})`, { cause })
  })
}
