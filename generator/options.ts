import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

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
export const USAGE = `Usage: wgrok generate [options]

Generate models, validators, frames, stubs and schemas from an AsyncAPI document.

Options:
  --spec FILE     AsyncAPI document to read (default asyncapi.yaml)
  --out DIR       folder to write (default generated)
  --check         write nothing; exit 1 when a file is missing, stale or orphaned
  --diff OLD      compare with an older document; exit 1 when info.version does not announce the change
  --watch         generate again whenever the document changes
  --env FILE      also write an example environment file
  --inject FILE   also fill the config table between <!-- wgrok:config --> and <!-- /wgrok:config -->
  --json          one JSON object on standard output
  -h, --help      print help

Examples:
  $ wgrok generate --spec api.yaml --out src/generated
  $ wgrok generate --check
  $ wgrok generate --diff old.yaml

Exit codes:
  0    done
  1    drift, or a change that info.version does not announce
  2    usage, a bad document or a missing package
  3    internal error
`

/**
 * Reads the arguments; undefined asks for help.
 * @throws Error with a message for the user
 */
export function parseOptions(argv: readonly string[], io: GenerateIo): GenerateOptions | undefined {
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
