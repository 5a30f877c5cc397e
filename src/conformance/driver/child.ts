import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { WgrokError } from '../../errors.js'
import { LineCutter, type Lined } from './lines.js'

/** How much of a testee's stderr is kept, in characters. */
const STDERR_MAX = 8192
/** How long a testee has to end after `stop`, in ms. */
const STOP_MS = 5000

/** What a child tells. */
export interface ChildEvents {
  onLine(line: string): void
  /** It ended, or broke the protocol. Told once; nothing comes after it. */
  onEnd(why: string): void
}

/**
 * A testee's process, and everything that it starts: they share a process group, which is killed as a whole. A process
 * that leaves the group on purpose is beyond reach.
 */
export class Child {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #cutter: LineCutter = new LineCutter()
  readonly #events: ChildEvents
  readonly #gone: Promise<void>
  #stderr = ''
  #ended = false
  readonly #killOnExit = (): void => this.#killGroup()

  private constructor(process: ChildProcessWithoutNullStreams, events: ChildEvents) {
    this.#process = process
    this.#events = events
    this.#gone = new Promise(resolve => process.once('close', () => resolve()))
  }

  /** @throws WgrokError `config-invalid` for a command that cannot be started */
  static async start(command: readonly string[], cwd: string, events: ChildEvents): Promise<Child> {
    const [file = '', ...args] = command
    const process = spawn(file, args, { cwd, detached: globalThis.process.platform !== 'win32', stdio: 'pipe' })
    const child = new Child(process, events)
    await new Promise<void>((resolve, reject) => {
      process.once('spawn', resolve)
      process.once('error', (cause: NodeJS.ErrnoException) => {
        reject(new WgrokError('config-invalid', `the testee cannot be started (${cause.code})`, { cause }))
      })
    })
    child.#listen()
    return child
  }

  /** The end of what it wrote to stderr. */
  get stderr(): string {
    return this.#stderr.trim()
  }

  write(message: object): void {
    this.#process.stdin.write(`${JSON.stringify(message)}\n`)
  }

  /** Asks it to stop, then kills it. */
  async stop(): Promise<void> {
    this.#ended = true
    if (this.#process.exitCode === null) {
      this.#process.stdin.end('{"cmd":"stop"}\n')
      const timer = setTimeout(() => this.#killGroup(), STOP_MS)
      await this.#exited()
      clearTimeout(timer)
    }
    await this.kill()
  }

  /** Kills it and what it started. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#ended = true
    this.#killGroup()
    await this.#exited()
    for (const stream of this.#process.stdio) stream?.destroy()
    await this.#gone
    globalThis.process.off('exit', this.#killOnExit)
  }

  #exited(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return Promise.resolve()
    return new Promise(resolve => this.#process.once('exit', () => resolve()))
  }

  #listen(): void {
    const { stdin, stdout, stderr } = this.#process
    globalThis.process.on('exit', this.#killOnExit)
    // It ends before it has read everything: that it has ended says more.
    stdin.on('error', () => {})
    stdout.on('data', (chunk: Uint8Array) => {
      for (const lined of this.#cutter.cut(chunk)) this.#take(lined)
    })
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_MAX)
    })
    this.#process.once('exit', () => this.#killGroup())
    // Not before its last line has been read.
    this.#process.once('close', (code, signal) =>
      this.#end(signal === null ? `the testee ended with exit code ${code}` : `the testee was ended by ${signal}`),
    )
  }

  #take(lined: Lined): void {
    if (this.#ended) return
    if ('line' in lined) this.#events.onLine(lined.line)
    else this.#end(`stdout: ${lined.problem}`)
  }

  #end(why: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#events.onEnd(why)
  }

  #killGroup(): void {
    const { pid } = this.#process
    if (pid === undefined) return
    if (globalThis.process.platform === 'win32') {
      if (this.#process.exitCode === null) spawn('taskkill', ['/pid', String(pid), '/T', '/F'], { stdio: 'ignore' })
      return
    }
    try {
      globalThis.process.kill(-pid, 'SIGKILL')
    } catch {
      // Nobody of the group is left.
    }
  }
}
