import { FEATURES } from '../../conformance/features.js'
import { loadSuites } from '../../conformance/load.js'
import { loadRequirements, notScored } from '../../conformance/requirements.js'
import { type ConformanceCase, nameOf, opOf, requirementsOf, type Suite } from '../../conformance/suite.js'
import { WgrokError } from '../../errors.js'
import { EXIT, type ExitCode } from '../exit.js'
import type { CliIo } from '../io.js'
import { count, printable } from '../text.js'
import { casesFolder, SPEC } from './places.js'
import { chosen } from './run.js'

interface ListFlags {
  readonly cases?: string
  readonly spec?: string
  readonly ops?: boolean
  readonly features?: boolean
  readonly json?: boolean
}

/** Prints the names of cases, operations or features. */
export async function list(io: CliIo, pattern: string | undefined, flags: ListFlags): Promise<ExitCode> {
  const all = await loadSuites(casesFolder(io, flags.cases), flags.spec ?? SPEC)
  const suites = pattern === undefined ? all : chosen(all, { only: [pattern] })
  const rows = flags.features === true ? featureRows(suites) : flags.ops === true ? opRows(suites) : caseRows(suites)
  const width = Math.max(...rows.map(({ name }) => name.length))
  for (const row of rows) {
    await io.stdout(
      flags.json === true ? `${JSON.stringify(row)}\n` : `${row.name.padEnd(width)}  ${printable(row.about)}\n`,
    )
  }
  if (flags.json !== true) await io.stdout(`${rows.length} in all\n`)
  return EXIT.ok
}

interface Row {
  readonly name: string
  readonly about: string
}

function caseRows(suites: readonly Suite[]): Row[] {
  return suites.flatMap(suite =>
    suite.cases.map(item => ({
      name: nameOf(suite, item),
      about: item.about,
      level: item.level,
      op: opOf(suite, item),
      requires: requirementsOf(suite, item),
    })),
  )
}

function opRows(suites: readonly Suite[]): Row[] {
  const counts = new Map<string, number>()
  for (const suite of suites) {
    for (const item of suite.cases) counts.set(opOf(suite, item), (counts.get(opOf(suite, item)) ?? 0) + 1)
  }
  return [...counts].sort().map(([name, n]) => ({ name, about: count(n, 'case') }))
}

function featureRows(suites: readonly Suite[]): Row[] {
  const cases = suites.flatMap(suite => suite.cases.map(item => requirementsOf(suite, item)))
  return Object.entries(FEATURES).map(([name, { about }]) => ({
    name,
    about: `${about} (${count(cases.filter(required => required.includes(name)).length, 'case')})`,
  }))
}

/** Prints everything that there is to know about a case. */
export async function explain(io: CliIo, name: string, flags: ListFlags): Promise<ExitCode> {
  const folder = casesFolder(io, flags.cases)
  const spec = flags.spec ?? SPEC
  const suites = await loadSuites(folder, spec)
  const found = find(suites, name)
  if (found === undefined) throw new WgrokError('config-invalid', `no case has this name${near(suites, name)}`)
  const { suite, item } = found
  const op = opOf(suite, item)
  const spared = notScored(suite, item, { requirements: await loadRequirements(folder, spec) })
  const requires = requirementsOf(suite, item)
  const notes = (item.flags ?? []).map(flag => `  ${flag}: ${suite.notes?.[flag]?.text ?? ''}`)
  const scripted = item.script !== undefined
  const request = { cmd: 'run', seq: 1, case: name, op, input: item.input }
  await io.stdout(
    [
      `${nameOf(suite, item)}: ${printable(item.about)}`,
      `level     ${item.level}${spared === undefined ? '' : ` (not scored: ${spared})`}, since ${item.since}`,
      `operation ${op}`,
      ...(requires.length === 0
        ? []
        : [`requires  ${requires.map(one => `${one} (${FEATURES[one]?.about})`).join(', ')}`]),
      ...(item.spec ?? []).map(place => `spec      ${place}`),
      ...notes,
      scripted ? 'script' : 'input',
      printable(JSON.stringify(scripted ? item.script : item.input, null, 2)),
      'expect',
      printable(JSON.stringify(item.expect, null, 2)),
      ...(scripted ? [] : ['on the wire', `> ${JSON.stringify(request)}`, `< ${JSON.stringify(answerTo(item))}`]),
      '',
    ].join('\n'),
  )
  return EXIT.ok
}

function answerTo({ expect }: ConformanceCase): object {
  return 'error' in expect ? { seq: 1, error: { code: expect.error, text: '…' } } : { seq: 1, ok: expect.ok }
}

function find(
  suites: readonly Suite[],
  name: string,
): { readonly suite: Suite; readonly item: ConformanceCase } | undefined {
  for (const suite of suites) {
    const item = suite.cases.find(one => nameOf(suite, one) === name)
    if (item !== undefined) return { suite, item }
  }
  return undefined
}

function near(suites: readonly Suite[], name: string): string {
  const word = name.split('#').at(-1) ?? ''
  const all = suites.flatMap(suite => suite.cases.map(item => nameOf(suite, item)))
  const [stem = ''] = word.split('-')
  const close = all.filter(one => word !== '' && one.includes(word))
  const names = close.length > 0 ? close : all.filter(one => stem !== '' && one.includes(stem))
  return names.length === 0 ? '' : `; did you mean ${names.slice(0, 5).join(', ')}?`
}
