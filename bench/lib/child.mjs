import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/**
 * Starts a helper of this folder in a process of its own; resolves with its first message.
 *
 * @returns {Promise<{ child: import('node:child_process').ChildProcess, first: any, ask: (question: string) => Promise<any>, stop: () => Promise<void> }>}
 */
export async function start(file, args = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
    execArgv: ['--expose-gc', '--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const answer = async () => {
    const [message] = await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${code}`))),
    ])
    return message
  }
  return {
    child,
    first: await answer(),
    async ask(question) {
      child.send(question)
      return await answer()
    },
    async stop() {
      if (child.exitCode !== null) return
      child.disconnect()
      await once(child, 'exit')
    },
  }
}
