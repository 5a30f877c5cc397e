import { Worker } from 'node:worker_threads'
import type { ObjectModel } from './ir.js'
import type { Source } from './load.js'
import type { Problem } from './problem.js'
import type { SpecText } from './validate.js'

/** What the thread can be asked for; `id` comes back with the answer. */
export type Request =
  | { readonly id: number; readonly task: 'validate'; readonly source: SpecText }
  | { readonly id: number; readonly task: 'interfaces'; readonly models: readonly ObjectModel[] }

export type Answer =
  | { readonly id: number; readonly result: unknown }
  /** The stack of what was thrown. */
  | { readonly id: number; readonly failure: string }

type Task<T = Request> = T extends Request ? Omit<T, 'id'> : never

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * A second thread for the AsyncAPI parser and Modelina: they share most of their modules, and together take as long as
 * everything else. Started early, it loads while the spec is read; kept in watch mode, it stays warm.
 */
export class GeneratorThread {
  private readonly worker: Worker
  private readonly waiting = new Map<number, Waiting>()
  private lastId = 0
  private ended: Error | undefined

  constructor() {
    this.worker = startWorker()
    this.worker.on('message', (answer: Answer) => this.settle(answer))
    this.worker.on('error', error => this.end(error instanceof Error ? error : new Error(String(error))))
    this.worker.on('exit', code => this.end(new Error(`the generator's thread ended with ${code}`)))
  }

  /** What the AsyncAPI parser has to say about `source`. */
  validate(source: Source): Promise<Problem[]> {
    return this.ask({ task: 'validate', source: { file: source.file, text: source.text } }) as Promise<Problem[]>
  }

  /** Interface texts by model name. */
  interfaces(models: readonly ObjectModel[]): Promise<Map<string, string>> {
    return this.ask({ task: 'interfaces', models }) as Promise<Map<string, string>>
  }

  async close(): Promise<void> {
    await this.worker.terminate()
  }

  private ask(task: Task): Promise<unknown> {
    const ended = this.ended
    if (ended !== undefined) return Promise.reject(ended)
    const id = ++this.lastId
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }))
    this.worker.postMessage({ id, ...task })
    // Whoever asked may look at the answer late; a rejection until then is not an unhandled one.
    answer.catch(() => {})
    return answer
  }

  private settle(answer: Answer): void {
    const waiting = this.waiting.get(answer.id)
    this.waiting.delete(answer.id)
    if ('failure' in answer) waiting?.reject(new Error(answer.failure))
    else waiting?.resolve(answer.result)
  }

  private end(error: Error): void {
    this.ended ??= error
    for (const { reject } of this.waiting.values()) reject(error)
    this.waiting.clear()
  }
}

/** From a build the entry runs as it is; from TypeScript sources a loader comes first. */
function startWorker(): Worker {
  const entry = import.meta.url.endsWith('.ts') ? './thread-source.mjs' : './thread-entry.js'
  // Both packages fill the young heap many times over while they load: more room means fewer collections.
  return new Worker(new URL(entry, import.meta.url), {
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 192 },
  })
}
