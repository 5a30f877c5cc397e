import { fileURLToPath } from 'node:url'
import { main } from '../../src/cli/main.js'
import { loadSuites } from '../../src/conformance/load.js'
import type { FooterRecord, ReportRecord, ResultRecord } from '../../src/conformance/report/records.js'
import { type RunOptions, runSuites } from '../../src/conformance/run.js'
import type { Suite } from '../../src/conformance/suite.js'
import type { Testee } from '../../src/conformance/testee.js'

/** The shared cases. */
export const CASES: string = fileURLToPath(new URL('../cases/', import.meta.url))

/** A file next to this one. */
export function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url))
}

/** Suites by name; all without one. */
export async function suites(...names: readonly string[]): Promise<Suite[]> {
  const all = await loadSuites(CASES, '1.0')
  return names.length === 0 ? all : all.filter(({ suite }) => names.includes(suite))
}

/** What a run came to. */
export interface Ran {
  readonly records: readonly ReportRecord[]
  readonly results: readonly ResultRecord[]
  readonly footer: FooterRecord
  /** Names of the cases that failed, faulted or passed unexpectedly. */
  readonly failed: readonly string[]
}

/** Runs suites to the end. */
export async function runAll(cases: readonly Suite[], testee: Testee, options: Partial<RunOptions> = {}): Promise<Ran> {
  const records: ReportRecord[] = []
  for await (const record of runSuites(cases, testee, { spec: '1.0', runner: 'test', whole: true, ...options })) {
    records.push(record)
  }
  const results = records.filter(record => record.kind === 'result')
  const footer = records.find(record => record.kind === 'footer')
  if (footer === undefined) throw new Error('no footer')
  const failed = results.filter(({ verdict }) => ['fail', 'fault', 'xpass'].includes(verdict)).map(one => one.case)
  return { records, results, footer, failed }
}

/** Runs the command line in this process. */
export async function wgrok(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly stdin?: string; readonly terminal?: boolean } = {},
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  let stdout = ''
  let stderr = ''
  const code = await main(argv, {
    stdin: (async function* () {
      if (options.stdin !== undefined) yield Buffer.from(options.stdin)
    })(),
    stdinIsTerminal: false,
    stdoutIsTerminal: options.terminal === true,
    stdout: async text => {
      stdout += text
    },
    stderr: text => {
      stderr += text
    },
    env: {},
    cwd: options.cwd ?? process.cwd(),
    interrupted: new AbortController().signal,
  })
  return { code, stdout, stderr }
}
