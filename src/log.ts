import { SECRET_FIELDS } from '../generated/secrets.js'
import { WgrokError } from './errors.js'

/** What the library logs to. Fields hold ids, counts and codes, never content. */
export interface Logger {
  debug(msg: string, fields?: Record<string, unknown>): void
  info(msg: string, fields?: Record<string, unknown>): void
  warn(msg: string, fields?: Record<string, unknown>): void
  error(msg: string, fields?: Record<string, unknown>): void
  /** A logger that adds `fields` to every line. */
  child(fields: Record<string, unknown>): Logger
}

const nothing = (): void => {}

/** Logs nothing. The default wherever a logger is optional. */
export const silent: Logger = Object.freeze({
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: (): Logger => silent,
})

/** Options of {@link openLogger}. */
export interface LoggerOptions {
  /** Write INFO and DEBUG too. WARN and ERROR are always written. Default false. */
  readonly debug?: boolean
  /** Value of `module` on every line; a child may say another one. */
  readonly module: string
  /** Values to blank out wherever they turn up in a line, say the configured tokens. Shorter than 6 characters: ignored. */
  readonly secrets?: readonly string[]
  /** Where lines go. Default: standard error. */
  readonly destination?: { write(line: string): void }
}

const REDACTED = '[redacted]'
const SHORTEST_SECRET = 6
const DEPTH_MAX = 6

/** Fields whose value is content or a secret whoever logs it. The spec's secret fields come on top. */
const PRIVATE_FIELDS: ReadonlySet<string> = new Set(
  [
    ...SECRET_FIELDS,
    ...['authorization', 'password', 'secret', 'tokens', 'key', 'keys', 'signature'],
    ...['payload', 'content', 'text', 'body', 'frame', 'frames', 'cards', 'attachments'],
  ].map(field => field.toLowerCase()),
)

/**
 * A logger that writes one JSON object per line: `ts`, `level`, `msg`, `module` and the fields.
 *
 * Loads pino only when called. Fields named like a secret or like content are blanked at any depth, and of an error only
 * name, code and stack positions are written, since its text may quote what was parsed.
 */
export async function openLogger(options: LoggerOptions): Promise<Logger> {
  const { pino } = await import('pino')
  const scrub = scrubber(options.secrets ?? [])
  const target = options.destination ?? pino.destination({ dest: 2, sync: true })
  const root = pino(
    {
      level: options.debug === true ? 'debug' : 'warn',
      base: { module: options.module },
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: label => ({ level: label.toUpperCase() }) },
    },
    { write: (line: string) => target.write(scrub(line)) },
  )
  return wrap(root)
}

interface Sink {
  debug(fields: object, msg: string): void
  info(fields: object, msg: string): void
  warn(fields: object, msg: string): void
  error(fields: object, msg: string): void
  isLevelEnabled(level: string): boolean
  child(fields: object): Sink
}

function wrap(sink: Sink): Logger {
  const quiet = !sink.isLevelEnabled('info')
  return {
    debug: quiet ? nothing : (msg, fields) => sink.debug(redactFields(fields), msg),
    info: quiet ? nothing : (msg, fields) => sink.info(redactFields(fields), msg),
    warn: (msg, fields) => sink.warn(redactFields(fields), msg),
    error: (msg, fields) => sink.error(redactFields(fields), msg),
    child: fields => wrap(sink.child(redactFields(fields))),
  }
}

function redactFields(fields: Record<string, unknown> | undefined): object {
  return fields === undefined ? {} : (redact(fields, 0) as object)
}

function redact(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (value instanceof Error) return describeError(value)
  if (ArrayBuffer.isView(value) || depth >= DEPTH_MAX) return REDACTED
  if (Array.isArray(value)) return value.map(item => redact(item, depth + 1))
  const copy: Record<string, unknown> = {}
  for (const [field, item] of Object.entries(value)) {
    copy[field] = PRIVATE_FIELDS.has(field.toLowerCase()) ? REDACTED : redact(item, depth + 1)
  }
  return copy
}

function describeError(error: Error, depth = 0): object {
  const code = 'code' in error ? error.code : undefined
  const at = (error.stack ?? '').split('\n').filter(line => /^ {4}at /.test(line))
  // Our own messages name fields and limits only; foreign ones are not to be trusted.
  const text = error instanceof WgrokError ? { message: error.message } : {}
  const cause = error.cause instanceof Error && depth < 3 ? { cause: describeError(error.cause, depth + 1) } : {}
  return { name: error.name, code, ...text, at: at.slice(0, 6).map(line => line.trim()), ...cause }
}

/** Blanks the secrets in a finished line, where they stand JSON-escaped. The longest goes first. */
function scrubber(secrets: readonly string[]): (line: string) => string {
  const needles = secrets
    .filter(secret => secret.length >= SHORTEST_SECRET)
    .map(secret => JSON.stringify(secret).slice(1, -1))
    .sort((a, b) => b.length - a.length)
  if (needles.length === 0) return line => line
  return line => needles.reduce((text, needle) => text.replaceAll(needle, REDACTED), line)
}
