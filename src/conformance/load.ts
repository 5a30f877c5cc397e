import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WgrokError } from '../errors.js'
import { type ConformanceCase, nameOf, type Suite } from './suite.js'

const CASE_FILE = /_cases\.json$/

/**
 * Loads the case files (`*_cases.json`) of a folder, by name, with the cases that belong to a spec version.
 *
 * @param spec `major.minor`
 * @throws WgrokError `config-invalid` for a file that is no suite, or an id that is used twice
 */
export async function loadSuites(folder: string, spec: string): Promise<Suite[]> {
  const names = await caseFiles(folder)
  return Promise.all(
    names.map(async name => forSpec(readSuite(await readFile(join(folder, name), 'utf8'), name), spec)),
  )
}

/** Reads one case file. Its schema is checked where the files are made; here, what the runner stands on. */
export function readSuite(text: string, name: string): Suite {
  const suite = parse(text, name)
  const { format, suite: title, op, cases } = suite
  if (format !== 1 || typeof title !== 'string' || typeof op !== 'string' || !Array.isArray(cases)) {
    throw new WgrokError('config-invalid', `${name} is no conformance suite of format 1`)
  }
  const seen = new Set<string>()
  for (const { id } of cases) {
    if (seen.has(id)) throw new WgrokError('config-invalid', `${name} uses the id ${id} twice`)
    seen.add(id)
  }
  return suite as Suite
}

/** Names of the case files of a folder. @throws WgrokError `config-invalid` when there are none */
export async function caseFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new WgrokError('config-invalid', `the folder of cases cannot be read (${cause.code})`, { cause })
  })
  const found = names.filter(name => CASE_FILE.test(name)).sort()
  if (found.length === 0) throw new WgrokError('config-invalid', 'the folder has no *_cases.json')
  return found
}

/** Cases of `suites` whose name `keep` lets through; suites that have none left are left out. */
export function filterCases(suites: readonly Suite[], keep: (name: string) => boolean): Suite[] {
  return suites
    .map(suite => ({ ...suite, cases: suite.cases.filter(item => keep(nameOf(suite, item))) }))
    .filter(({ cases }) => cases.length > 0)
}

function parse(text: string, name: string): Partial<Suite> {
  try {
    return JSON.parse(text) as Partial<Suite>
  } catch (cause) {
    throw new WgrokError('config-invalid', `${name} is not JSON`, { cause })
  }
}

function forSpec(suite: Suite, spec: string): Suite {
  return { ...suite, cases: suite.cases.filter(item => inSpec(item, spec)) }
}

function inSpec({ since, until }: ConformanceCase, spec: string): boolean {
  return compareVersions(since, spec) <= 0 && (until === undefined || compareVersions(spec, until) <= 0)
}

function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number)
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number)
  return aMajor - bMajor || aMinor - bMinor
}
