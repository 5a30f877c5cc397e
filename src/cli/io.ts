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
      stop.abort()
    })
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `wgrok receive | head -1`: the reader has what it wanted.
    if (error.code !== 'EPIPE') throw error
    stop.abort()
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
