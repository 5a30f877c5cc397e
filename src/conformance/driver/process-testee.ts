import { WgrokError } from '../../errors.js'
import { fitsSchema } from '../json-schema.js'
import { DRIVER_SCHEMA } from '../schemas.js'
import type { Answer, Control, Hello, Testee } from '../testee.js'
import { Child } from './child.js'

/** Options of a {@link ProcessTestee}. */
export interface ProcessOptions {
  readonly command: readonly string[]
  readonly cwd: string
  readonly spec: string
  /** Longest time for one answer, in ms. Default 2000. */
  readonly timeoutMs?: number
  /** Longest time until it has said hello, in ms. Default 10000. */
  readonly helloMs?: number
  /** How often it is started again after a crash or a hang. Default 20. */
  readonly restarts?: number
}

interface Waiting {
  /** Undefined: the answer is a hello. */
  readonly seq: number | undefined
  settle(outcome: Heard): void
}

/** What came back: an answer, or why it is none. */
type Heard = { readonly value: unknown } | { readonly broken: string }

/** A testee in a process of its own, asked over stdin and stdout. Asks one question at a time. */
export class ProcessTestee implements Testee {
  readonly #options: Required<ProcessOptions>
  #child: Child | undefined
  #hello: Hello | undefined
  #waiting: Waiting | undefined
  #seq = 0
  #starts = 0
  /** What went wrong while nobody waited; the next question finds out. */
  #broken: string | undefined
  #closed = false

  constructor(options: ProcessOptions) {
    this.#options = { timeoutMs: 2000, helloMs: 10_000, restarts: 20, ...options }
  }

  /** How often it had to be started again. */
  get restarts(): number {
    return Math.max(0, this.#starts - 1)
  }

  /** @throws WgrokError `config-invalid` when it cannot be started, `platform-rejected` when it does not introduce itself */
  async hello(): Promise<Hello> {
    if (this.#hello !== undefined) return this.#hello
    const failure = await this.#start()
    if (this.#hello === undefined) throw new WgrokError('platform-rejected', failure ?? 'no hello')
    return this.#hello
  }

  run(op: string, input: unknown, name?: string): Promise<Answer> {
    const { timeoutMs } = this.#options
    return this.#ask({ cmd: 'run', ...(name === undefined ? {} : { case: name }), op, input, timeoutMs })
  }

  control(control: Control): Promise<Answer> {
    return this.#ask(control)
  }

  async close(): Promise<void> {
    this.#closed = true
    const child = this.#child
    this.#child = undefined
    this.#waiting?.settle({ broken: 'the run was ended' })
    await child?.stop()
  }

  async #ask(request: object): Promise<Answer> {
    if (this.#broken !== undefined) return { fault: await this.#discard(this.#broken) }
    if (this.#child === undefined) {
      const failure = await this.#start()
      if (failure !== undefined) return { fault: { text: failure } }
    }
    const seq = ++this.#seq
    const outcome = await this.#exchange({ ...request, seq }, seq, this.#options.timeoutMs)
    if ('value' in outcome) return outcome.value as Answer
    return { fault: await this.#discard(outcome.broken) }
  }

  /** Starts it and lets it say hello. @returns what went wrong */
  async #start(): Promise<string | undefined> {
    const { command, cwd, spec, helloMs, restarts } = this.#options
    if (this.#closed) return 'the run was ended'
    if (this.#starts > restarts) return `not asked: the testee was started ${restarts + 1} times already`
    this.#starts += 1
    this.#child = await Child.start(command, cwd, {
      onLine: line => this.#hear(line),
      onEnd: why => this.#break(why),
    })
    const outcome = await this.#exchange({ cmd: 'hello', protocol: 1, spec }, undefined, helloMs)
    if ('value' in outcome) {
      this.#hello ??= outcome.value as Hello
      return undefined
    }
    const { text, trace } = await this.#discard(outcome.broken)
    return `no hello: ${text}${trace === undefined ? '' : ` (stderr ends with: ${trace.split('\n').at(-1)})`}`
  }

  #exchange(message: object, seq: number | undefined, ms: number): Promise<Heard> {
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#waiting?.settle({ broken: `no answer within ${ms} ms` }), ms)
      this.#waiting = {
        seq,
        settle: outcome => {
          clearTimeout(timer)
          this.#waiting = undefined
          resolve(outcome)
        },
      }
      this.#child?.write(message)
    })
  }

  #hear(line: string): void {
    const waiting = this.#waiting
    if (waiting === undefined) this.#break(`stdout has a line that nobody asked for: ${excerpt(line)}`)
    else waiting.settle(readAnswer(line, waiting.seq))
  }

  #break(why: string): void {
    if (this.#waiting === undefined) this.#broken ??= why
    else this.#waiting.settle({ broken: why })
  }

  /** Kills a child that cannot be trusted any more. */
  async #discard(text: string): Promise<{ readonly text: string; readonly trace?: string }> {
    const child = this.#child
    this.#child = undefined
    await child?.kill()
    this.#broken = undefined
    return child === undefined || child.stderr === '' ? { text } : { text, trace: child.stderr }
  }
}

const HELLO = { $ref: '#/$defs/hello' }
const ANSWER = { $ref: '#/$defs/answer' }
/** @param expected undefined: a hello, which has no seq */
function readAnswer(line: string, expected: number | undefined): Heard {
  const message = parse(line)
  if (message === undefined || !fitsSchema(message, expected === undefined ? HELLO : ANSWER, DRIVER_SCHEMA)) {
    return { broken: `stdout has a line that is no ${expected === undefined ? 'hello' : 'answer'}: ${excerpt(line)}` }
  }
  const { seq, ...answer } = message
  return seq === expected ? { value: answer } : { broken: `an answer has seq ${seq} instead of ${expected}` }
}

const EXCERPT_MAX = 80

function excerpt(line: string): string {
  return JSON.stringify(line.length > EXCERPT_MAX ? `${line.slice(0, EXCERPT_MAX)}…` : line)
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
