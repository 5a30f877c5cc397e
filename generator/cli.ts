import { relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runDiff } from './diff-command.js'
import { ParserWorker } from './parser-worker.js'
import { MissingPeerError, missingPeers } from './peers.js'
import { type Build, build } from './pipeline.js'
import { formatProblem, type Problem, SpecError } from './problem.js'
import { apply, compare, type Drift } from './sync.js'
import { targetsOf } from './targets.js'
import { watchSpec } from './watch.js'

/** The process around the generator. */
export interface GenerateIo {
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** Relative paths start here. Default: the working directory. */
  readonly cwd?: string
  /** Ends `--watch`. */
  readonly signal?: AbortSignal
}

/** 0: fine. 1: drift, or a change that the version does not announce. 2: bad spec or usage. 3: a defect of the generator. */
export type ExitCode = 0 | 1 | 2 | 3

/** The command line, parsed. Paths are absolute except `spec`, which messages show as it was given. */
export interface GenerateOptions {
  readonly spec: string
  readonly out: string
  readonly check: boolean
  readonly watch: boolean
  readonly json: boolean
  readonly diff?: string
  readonly env?: string
  readonly inject?: string
  readonly cwd: string
}

/** Help text of `wgrok generate`. */
export const USAGE = `usage: generate [options]
  --spec FILE     AsyncAPI document to read (default asyncapi.yaml)
  --out DIR       folder to write (default generated)
  --check         write nothing; exit 1 when a file is missing, stale or orphaned
  --diff OLD      compare with an older document; exit 1 when info.version does not announce the change
  --watch         generate again whenever the document changes
  --env FILE      also write an example environment file
  --inject FILE   also fill the config table between <!-- wgrok:config --> and <!-- /wgrok:config -->
  --json          one JSON object on standard output
`

/**
 * `wgrok generate`: spec -> files, or what --check and --diff ask for. Never throws, and writes nothing to disk unless
 * the whole spec is good.
 * @param argv arguments after the command's name
 */
export async function runGenerate(argv: readonly string[], io: GenerateIo): Promise<ExitCode> {
  let options: GenerateOptions | undefined
  try {
    options = parseOptions(argv, io)
  } catch (cause) {
    io.stderr(`${(cause as Error).message}\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    io.stdout(USAGE)
    return 0
  }
  let parser: ParserWorker | undefined
  try {
    const missing = missingPeers()
    if (missing.length > 0) throw new MissingPeerError(missing, undefined)
    if (options.diff !== undefined) return await runDiff(options, options.diff, io)
    parser = await ParserWorker.start()
    if (!options.watch) return await generateOnce(options, io, parser)
    await watchSpec(resolve(options.cwd, options.spec), io.signal, generateAgain(options, io, parser))
    return 0
  } catch (cause) {
    return report(cause, options, io)
  } finally {
    await parser?.close()
  }
}

function parseOptions(argv: readonly string[], io: GenerateIo): GenerateOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      spec: { type: 'string', default: 'asyncapi.yaml' },
      out: { type: 'string', default: 'generated' },
      check: { type: 'boolean', default: false },
      watch: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      diff: { type: 'string' },
      env: { type: 'string' },
      inject: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  if (values.watch && (values.check || values.diff !== undefined)) {
    throw new Error('--watch writes files; it cannot be combined with --check or --diff')
  }
  const cwd = io.cwd ?? process.cwd()
  return {
    spec: values.spec,
    out: resolve(cwd, values.out),
    check: values.check,
    watch: values.watch,
    json: values.json,
    ...(values.diff === undefined ? {} : { diff: values.diff }),
    ...(values.env === undefined ? {} : { env: resolve(cwd, values.env) }),
    ...(values.inject === undefined ? {} : { inject: resolve(cwd, values.inject) }),
    cwd,
  }
}

async function generateOnce(options: GenerateOptions, io: GenerateIo, parser: ParserWorker): Promise<ExitCode> {
  const started = performance.now()
  const built = await build(options.spec, options.cwd, parser)
  const targets = await targetsOf(built, options.env, options.inject)
  const drift = await compare(options.out, built.files, targets.files)
  if (!options.check) await apply(options.out, built.files, targets.files, drift)
  const open = options.check ? drift : drift.filter(one => one.kind === 'foreign')
  const failures = targets.failures.map(line => line.replace(options.cwd, '.'))
  const code = (options.check && open.length > 0) || failures.length > 0 ? 1 : 0
  const ms = Math.round(performance.now() - started)
  if (options.json) printJson(options, io, { exit: code, problems: built.problems, drift, failures, ms })
  else printText(options, io, built, drift, failures, ms)
  return code
}

/** One round of `--watch`: a bad spec is told and waited out. */
function generateAgain(options: GenerateOptions, io: GenerateIo, parser: ParserWorker): () => Promise<void> {
  return async () => {
    try {
      await generateOnce(options, io, parser)
    } catch (cause) {
      report(cause, options, io)
    }
  }
}

function printText(
  options: GenerateOptions,
  io: GenerateIo,
  built: Build,
  drift: readonly Drift[],
  failures: readonly string[],
  ms: number,
): void {
  for (const problem of built.problems) io.stderr(`${formatProblem(problem)}\n`)
  for (const one of drift) {
    const path = relative(options.cwd, one.path)
    io.stdout(`${path} ${options.check ? one.kind : DONE[one.kind]}\n`)
    if (!options.check || one.difference === undefined) continue
    io.stdout(`  line ${one.difference.line}\n${one.difference.hunk.map(line => `  ${line}\n`).join('')}`)
  }
  for (const failure of failures) io.stderr(`${failure}\n`)
  const out = relative(options.cwd, options.out) || '.'
  if (drift.length === 0) io.stdout(`${out} is up to date: ${built.files.size} files, ${ms} ms\n`)
  else if (options.check) io.stdout(`${drift.length} files differ from ${options.spec}: run the same without --check\n`)
  else io.stdout(`${drift.length} files changed, ${ms} ms\n`)
}

const DONE: Readonly<Record<Drift['kind'], string>> = {
  missing: 'written',
  stale: 'rewritten',
  orphaned: 'deleted',
  foreign: 'is not generated; move it elsewhere',
}

function report(cause: unknown, options: GenerateOptions, io: GenerateIo): ExitCode {
  if (cause instanceof SpecError) {
    if (options.json) printJson(options, io, { exit: 2, problems: cause.problems, drift: [], failures: [], ms: 0 })
    else for (const problem of cause.problems) io.stderr(`${formatProblem(problem)}\n`)
    return 2
  }
  const isUsage = cause instanceof MissingPeerError
  const message = isUsage ? cause.message : `internal: ${cause instanceof Error ? cause.stack : String(cause)}`
  const exit = isUsage ? 2 : 3
  if (options.json) printJson(options, io, { exit, problems: [], drift: [], failures: [message], ms: 0 })
  else io.stderr(`${message}\n`)
  return exit
}

interface JsonReport {
  readonly exit: ExitCode
  readonly problems: readonly Problem[]
  readonly drift: readonly Drift[]
  readonly failures: readonly string[]
  readonly ms: number
}

function printJson(options: GenerateOptions, io: GenerateIo, { drift, ...rest }: JsonReport): void {
  const files = drift.map(one => ({ ...one, path: relative(options.cwd, one.path) }))
  io.stdout(`${JSON.stringify({ ok: rest.exit === 0, check: options.check, ...rest, drift: files })}\n`)
}
