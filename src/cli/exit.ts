import type { ErrorCode } from '../errors.js'

/** What the process's exit code says. The README has the same table. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** The answer is no: an invalid message, a difference, drift, nothing heard in time. */
  no: 1,
  /** Usage, configuration or spec: the same command fails again until something is changed. */
  usage: 2,
  /** Connection, platform or a defect: see the error code. */
  failed: 3,
  /** Ctrl-C or SIGTERM came before the work was done. */
  interrupted: 130,
} as const

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** For `--help`. */
export const EXIT_HELP = `
Exit codes:
  0    done
  1    the answer is no: invalid message, difference, drift, nothing heard in time
  2    usage, configuration or spec
  3    connection, platform or internal error
  130  interrupted before it was done`

const USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'config-missing',
  'config-invalid',
  'key-missing',
  'key-invalid',
  'pattern-invalid',
  'slug-invalid',
  'target-invalid',
  'frame-too-large',
  'payload-invalid',
  'too-many-chunks',
  'unsupported',
  'spec-invalid',
  'dependency-missing',
])

/** The exit code that goes with an error. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  if (code === 'aborted') return EXIT.interrupted
  return USAGE_CODES.has(code) ? EXIT.usage : EXIT.failed
}
