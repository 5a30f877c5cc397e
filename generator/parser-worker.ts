import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Source } from './load.js'
import { loadPeer } from './peers.js'
import type { Problem } from './problem.js'
import { mapDiagnostics } from './validate.js'

type Diagnostics = Parameters<typeof mapDiagnostics>[0]
type Answer = { readonly diagnostics: Diagnostics } | { readonly failure: string }

/**
 * Plain JavaScript in a string, so that it runs the same from TypeScript sources and from a build, and starts without
 * the loader of either.
 */
const CODE = `
const { parentPort, workerData } = require('node:worker_threads')
const { Parser } = require(workerData)
const parser = new Parser()
parentPort.on('message', async ({ text, file }) => {
  try {
    const found = await parser.validate(text, { source: file })
    const diagnostics = found.map(({ code, message, severity, path, range }) => ({ code, message, severity, path, range }))
    parentPort.postMessage({ diagnostics })
  } catch (error) {
    parentPort.postMessage({ failure: String(error && error.stack) })
  }
})
`

/**
 * The AsyncAPI parser on a thread of its own: it takes as long as all emitters together, and needs nothing from them.
 * Started early, it loads while the spec is read; kept in watch mode, it stays warm.
 */
export class ParserWorker {
  private readonly worker: Worker

  private constructor(worker: Worker) {
    this.worker = worker
  }

  /** @throws MissingPeerError without @asyncapi/parser */
  static async start(): Promise<ParserWorker> {
    const entry = await loadPeer('@asyncapi/parser', async () =>
      createRequire(import.meta.url).resolve('@asyncapi/parser'),
    )
    return new ParserWorker(new Worker(CODE, { eval: true, workerData: entry, execArgv: [] }))
  }

  /** What the parser has to say about `source`. One call at a time. */
  async validate(source: Source): Promise<Problem[]> {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const settle = (act: () => void) => {
        this.worker.off('message', onMessage).off('error', onError).off('exit', onExit)
        act()
      }
      const onMessage = (message: Answer) => settle(() => resolve(message))
      const onError = (error: Error) => settle(() => reject(error))
      const onExit = (code: number) => settle(() => reject(new Error(`the parser thread ended with ${code}`)))
      this.worker.on('message', onMessage).on('error', onError).on('exit', onExit)
      this.worker.postMessage({ text: source.text, file: source.file })
    })
    if ('failure' in answer) throw new Error(`the AsyncAPI parser failed: ${answer.failure}`)
    return mapDiagnostics(answer.diagnostics, source.file)
  }

  async close(): Promise<void> {
    await this.worker.terminate()
  }
}
