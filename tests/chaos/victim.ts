import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** The command itself where it has been built just now; else the sources, which take a second longer to start. */
const COMMAND =
  process.env['WGROK_BUILT'] === '1'
    ? [fileURLToPath(new URL('../../bin/wgrok.js', import.meta.url)), 'router']
    : ['--import', 'tsx', fileURLToPath(new URL('./router.ts', import.meta.url))]

/** A router process that is started again and again. */
export class Victim {
  readonly #env: Readonly<Record<string, string>>
  #child: ChildProcess | undefined
  /** What the processes said on standard error, shortened. */
  stderr = ''

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env
  }

  /** Starts a process; resolves once the router is live. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, COMMAND, {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', part => {
      this.stderr = (this.stderr + part).slice(-20_000)
    })
    const died = once(child, 'exit').then(([code]) => {
      throw new Error(`the router ended with ${code} before it was live\n${this.stderr}`)
    })
    died.catch(() => {})
    await Promise.race([once(child.stdout, 'data'), died])
  }

  /** Kills it without a word. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined || hasEnded(child)) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Stops it as an operator would; resolves with the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child
    if (child === undefined || hasEnded(child)) return child?.exitCode ?? null
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    const [code] = await gone
    return code
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
