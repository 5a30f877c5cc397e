import { isatty } from 'node:tty'
import { WgrokError } from '../errors.js'

/** What a command sees of the process around it. Tests pass their own. */
export interface CliIo {
  readonly stdin: AsyncIterable<Uint8Array>
  /** Somebody would have to type: commands then ask for an argument instead of waiting. */
  readonly stdinIsTerminal: boolean
  /** Text from the network is printed with its control characters made visible. */
  readonly stdoutIsTerminal: boolean
  /** Resolves once whoever reads can take more. */
  stdout(text: string): Promise<void>
  stderr(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Aborted by Ctrl-C and SIGTERM, and when nobody reads stdout any more. */
  readonly interrupted: AbortSignal
}

/** Shell convention for a process that a second Ctrl-C ends while it shuts down. */
const INTERRUPTED = 130

/** The real process. Call once: it installs signal handlers. */
export function processIo(): CliIo {
  const stop = new AbortController()
  let reading = false
  stop.signal.addEventListener('abort', () => {
    if (reading) process.stdin.destroy(new WgrokError('aborted', 'interrupted while reading stdin'))
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(INTERRUPTED)
      stop.abort(new WgrokError('aborted', 'interrupted'))
    })
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `wgrok receive | head -1`: the reader has what it wanted.
    if (error.code !== 'EPIPE') throw error
    stop.abort(new WgrokError('aborted', 'nobody reads the output any more'))
  })
  return {
    // Opened only when a command reads it.
    get stdin() {
      reading = true
      return process.stdin
    },
    stdinIsTerminal: isatty(0),
    stdoutIsTerminal: isatty(1),
    stdout: text => write(process.stdout, text, stop.signal),
    stderr: text => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    interrupted: stop.signal,
  }
}

function write(stream: NodeJS.WriteStream, text: string, stop: AbortSignal): Promise<void> {
  if (stream.destroyed || stream.write(text)) return Promise.resolve()
  return new Promise(resolve => {
    const done = (): void => {
      stream.off('drain', done)
      stop.removeEventListener('abort', done)
      resolve()
    }
    stream.once('drain', done)
    stop.addEventListener('abort', done, { once: true })
  })
}

/** Resolves once `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** A signal that ends with another one, or in time. */
export interface Deadline {
  readonly signal: AbortSignal
  /** Whether time ran out first. */
  readonly expired: boolean
  /** Lets go of timer and listener. */
  release(): void
}

/**
 * `AbortSignal.any` with `AbortSignal.timeout`, written out: on Node 20 that combination may be collected as garbage
 * before it fires.
 *
 * @param ms undefined: no limit
 */
export function deadline(signal: AbortSignal, ms: number | undefined): Deadline {
  const controller = new AbortController()
  let expired = false
  const abort = (): void => controller.abort(signal.reason)
  const timer =
    ms === undefined
      ? undefined
      : setTimeout(() => {
          expired = true
          controller.abort(new WgrokError('timeout', `not done within ${ms / 1000} s`))
        }, ms)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return {
    signal: controller.signal,
    get expired() {
      return expired
    },
    release() {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    },
  }
}

/** The result of `work`, or the reason of `signal` as soon as it is aborted, whatever `work` then still does. */
export async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = aborted(signal).then((): never => {
    throw WgrokError.from(signal.reason, 'aborted')
  })
  // The race has the one that comes first; the other one may still fail, and nobody asks.
  for (const either of [work, stopped]) either.catch(() => {})
  return Promise.race([work, stopped])
}
