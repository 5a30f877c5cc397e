import { WgrokError } from '../errors.js'

/** What a testee says about itself. */
export interface Hello {
  readonly protocol: 1
  readonly impl: {
    readonly name: string
    readonly language: string
    readonly version: string
    /** Where its problems are reported. */
    readonly issues?: string
  }
  readonly specs: readonly string[]
  readonly ops: readonly string[]
  /** A declared feature is tested; one that is not makes its cases not applicable. */
  readonly features: readonly string[]
}

/** What a testee answers to one case. It never learns what was expected. */
export type Answer =
  | { readonly ok: unknown }
  | { readonly error: { readonly code: string; readonly text: string } }
  | { readonly skip: { readonly why: string; readonly issue?: string } }
  | { readonly fault: { readonly text: string; readonly trace?: string } }

/** What a testee is asked besides operations: to take a role on a socket. */
export type Control =
  | { readonly cmd: 'serve'; readonly role: string; readonly config: unknown }
  | { readonly cmd: 'connect'; readonly role: string; readonly url: string; readonly config?: unknown }
  | { readonly cmd: 'call'; readonly handle: string; readonly method: string; readonly args?: unknown }
  | { readonly cmd: 'observe'; readonly handle: string }
  | { readonly cmd: 'close'; readonly handle: string }

/** An implementation under test. Answers never reject: what goes wrong is a fault. */
export interface Testee {
  hello(): Promise<Hello>
  run(op: string, input: unknown, name?: string): Promise<Answer>
  /** Absent where the testee has no roles. */
  control?(control: Control): Promise<Answer>
  /** Resolves when nothing of it is left. */
  close?(): Promise<void>
}

/** An operation of a testee: JSON in, JSON out, refusals as {@link WgrokError}. */
export type Operation = (input: Input) => unknown

/** The input of a case; an operation reads from it what it needs. */
export type Input = Readonly<Record<string, unknown>>

/**
 * A testee that runs in this process. Answers go through JSON, as they would between processes.
 */
export function inProcess(
  hello: Omit<Hello, 'protocol' | 'ops'>,
  ops: Readonly<Record<string, Operation>>,
  control?: (control: Control) => Promise<unknown>,
): Testee {
  return {
    hello: async () => ({ protocol: 1, ...hello, ops: Object.keys(ops) }),
    run: async (op, input) => {
      const operation = Object.hasOwn(ops, op) ? ops[op] : undefined
      if (operation === undefined) return { skip: { why: `no operation ${op}` } }
      return answerOf(() => operation(input as Input))
    },
    ...(control === undefined ? {} : { control: request => answerOf(() => control(request)) }),
  }
}

async function answerOf(work: () => unknown): Promise<Answer> {
  try {
    return { ok: throughJson(await work()) }
  } catch (error) {
    // A platform whose package is not installed says nothing about this implementation.
    if (error instanceof WgrokError && error.code === 'dependency-missing') return { skip: { why: error.message } }
    if (error instanceof WgrokError) return { error: { code: error.code, text: error.message } }
    return { fault: describeFault(error) }
  }
}

function throughJson(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value))
}

function describeFault(error: unknown): { readonly text: string; readonly trace?: string } {
  if (!(error instanceof Error)) return { text: String(error) }
  return error.stack === undefined ? { text: error.message } : { text: error.message, trace: error.stack }
}
