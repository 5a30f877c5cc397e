import { parentPort } from 'node:worker_threads'
import { emitInterfaces } from './emit/interfaces.js'
import { loadModelina } from './peers.js'
import type { Answer, Request } from './thread.js'
import { validateSpec } from './validate.js'

// Loads the AsyncAPI parser too; by the time the first question comes, both are there.
const loaded = loadModelina()
loaded.catch(() => {})

parentPort?.on('message', async (request: Request) => {
  parentPort?.postMessage(await answer(request))
})

async function answer(request: Request): Promise<Answer> {
  const { id } = request
  try {
    await loaded
    const result = await (request.task === 'validate' ? validateSpec(request.source) : emitInterfaces(request.models))
    return { id, result }
  } catch (cause) {
    return { id, failure: cause instanceof Error ? String(cause.stack) : String(cause) }
  }
}
