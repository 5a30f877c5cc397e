import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../chaos/victim.js'

const BINARIES = ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server']

/** Where the server is; installed from Debian's packages when we may. Undefined where it cannot be had. */
export function natsBinary(): string | undefined {
  const found = BINARIES.find(path => existsSync(path))
  if (found !== undefined || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return found
  try {
    execFileSync('apt-get', ['install', '-y', '-q', 'nats-server'], { stdio: 'ignore', timeout: 120_000 })
  } catch {
    return undefined
  }
  return BINARIES.find(path => existsSync(path))
}

/** A real NATS server with JetStream, on a free port, with a folder of its own. */
export class NatsServer {
  readonly #binary: string
  readonly #dir = mkdtempSync(join(tmpdir(), 'wgrok-nats-'))
  #port = 0
  #child: ChildProcess | undefined

  constructor(binary: string) {
    this.#binary = binary
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`
  }

  /** Starts it, again too: what it had on disk is there. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort()
    const args = ['-js', '-sd', this.#dir, '-a', '127.0.0.1', '-p', String(this.#port)]
    this.#child = spawn(this.#binary, args, { stdio: 'ignore' })
    for (let tries = 0; tries < 200; tries++) {
      if (await this.#answers()) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error('nats-server did not start')
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    await gone
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.#dir, { recursive: true, force: true })
  }

  #answers(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = connect(this.#port, '127.0.0.1')
      socket.once('data', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
  }
}
