import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isErrorCode } from '../../generated/errors.js'
import { validateBridgeEnvelope } from '../../generated/validators.js'
import { FEATURES, ROLES } from './features.js'
import { schemaProblems } from './json-schema.js'
import { caseFiles } from './load.js'
import { loadRequirements, requirementsProblems } from './requirements.js'
import { INVERSES } from './roundtrip.js'
import { SUITE_SCHEMA } from './schemas.js'
import { type ConformanceCase, opOf, requirementsOf, type Suite } from './suite.js'

/** What a lint found. */
export interface Lint {
  readonly files: number
  readonly cases: number
  /** `file: place: reason`, in the order of the files. */
  readonly problems: readonly string[]
}

/**
 * Checks a folder of case files: schema, ids, operations, features, error codes, frames, and the requirements of `spec`.
 *
 * @param ops operations that there are
 * @throws WgrokError `config-invalid` when the folder has no case files
 */
export async function lintFolder(folder: string, spec: string, ops: readonly string[]): Promise<Lint> {
  const names = await caseFiles(folder)
  const problems: string[] = []
  const suites: Suite[] = []
  for (const name of names) {
    const found = lintText(await readFile(join(folder, name), 'utf8'), ops)
    problems.push(...found.problems.map(problem => `${name}: ${problem}`))
    if (found.suite === undefined) continue
    const same = suites.findIndex(({ suite }) => suite === found.suite?.suite)
    if (same !== -1) problems.push(`${name}: the suite ${found.suite.suite} is in another file already`)
    else suites.push(found.suite)
  }
  const requirements = await loadRequirements(folder, spec)
  if (requirements !== undefined) problems.push(...requirementsProblems(suites, requirements))
  return { files: names.length, cases: suites.reduce((sum, { cases }) => sum + cases.length, 0), problems }
}

/** Checks the text of one case file. */
export function lintText(
  text: string,
  ops: readonly string[],
): { readonly problems: readonly string[]; readonly suite?: Suite } {
  let suite: Suite
  try {
    suite = JSON.parse(text)
  } catch (error) {
    return { problems: [`not JSON: ${(error as Error).message.split('\n')[0]}`] }
  }
  const cases = Array.isArray(suite?.cases) ? suite.cases : []
  const problems = [
    ...schemaProblems(suite, SUITE_SCHEMA).map(problem => withId(problem, cases)),
    ...cases.flatMap((item, index) => [...caseProblems(suite, item, index, ops)]),
  ]
  return problems.some(problem => problem.includes('/cases: ')) ? { problems } : { problems, suite }
}

/** A pointer into the cases says less than the id of the case. */
function withId(problem: string, cases: readonly ConformanceCase[]): string {
  const [, index = '', rest = ''] = /^\/cases\/(\d+)(.*)$/s.exec(problem) ?? []
  const id = cases[Number(index)]?.id
  return index === '' || typeof id !== 'string' ? problem : `${id}${rest.startsWith(':') ? '' : ' '}${rest}`
}

function* caseProblems(suite: Suite, item: ConformanceCase, index: number, ops: readonly string[]): Generator<string> {
  if (typeof item !== 'object' || item === null) return
  const { id = `/cases/${index}`, expect, flags = [] } = item
  if (suite.cases.findIndex(other => other?.id === id) < index) yield `${id}: another case has the same id`
  const op = opOf(suite, item)
  const isRole = ROLES.includes(op)
  if (!isRole && !ops.includes(op)) yield `${id}: there is no operation ${op}`
  if (isRole !== (item.script !== undefined)) yield `${id}: ${op} takes ${isRole ? 'a script' : 'an input'}`
  for (const feature of requirementsOf(suite, item)) {
    if (!Object.hasOwn(FEATURES, feature)) yield `${id}: there is no feature ${feature}`
  }
  for (const flag of flags) {
    if (!Object.hasOwn(suite.notes ?? {}, flag)) yield `${id}: no note says what the flag ${flag} stands for`
  }
  yield* expectProblems(id, op, expect)
  for (const [place, step] of (item.script ?? []).entries()) {
    if (step.send !== undefined && !validateBridgeEnvelope(step.send)) {
      yield `${id}: step ${place + 1} sends an invalid frame; what is meant to be invalid is sent as sendRaw`
    }
  }
}

function* expectProblems(id: string, op: string, expect: ConformanceCase['expect'] | undefined): Generator<string> {
  if (typeof expect !== 'object' || expect === null) return
  if ('ok' in expect && 'error' in expect) yield `${id}: expects an answer and an error, ok together with error`
  if ('error' in expect) {
    for (const code of [expect.error, ...(expect.orErrors ?? [])]) {
      if (!isErrorCode(code)) yield `${id}: the spec has no error ${code}`
    }
  } else if (expect.match === 'roundtrip' && INVERSES[op] === undefined) {
    yield `${id}: ${op} has no inverse to make a round trip with`
  } else if (expect.match === 'unordered' && !Array.isArray(expect.ok)) {
    yield `${id}: only an array can be unordered`
  }
}
