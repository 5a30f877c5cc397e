import { createHash } from 'node:crypto'
import { chmodSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WgrokError } from '../errors.js'

/** Longest path that every system takes for a socket, in bytes. */
const SOCKET_PATH_MAX = 100

/**
 * Proof that no other process uses a state directory: a socket that its holder listens on. A holder that was killed
 * stops listening with it, so that nothing has to be cleaned up by hand; and whoever wants something done by the holder
 * finds him there.
 */
export class StateLock {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', socket => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  /**
   * @param onConnection gets whoever connects. Default: hangs up.
   * @throws WgrokError `spool-failed` when another process holds the lock, or the directory takes no socket.
   */
  static async take(
    dir: string,
    onConnection: (socket: Socket) => void = socket => socket.destroy(),
  ): Promise<StateLock> {
    const path = lockPath(dir)
    const server = createServer(onConnection)
    if (!(await listens(server, path))) {
      if (await isHeld(dir)) {
        throw new WgrokError('spool-failed', 'the state directory is in use by another router', { retryable: false })
      }
      // Left behind by a process that was killed.
      unlinkSync(path)
      if (!(await listens(server, path))) {
        throw new WgrokError('spool-failed', 'another router took the state directory just now', { retryable: false })
      }
    }
    // The lock does not keep the process alive.
    server.unref()
    if (process.platform !== 'win32') chmodSync(path, 0o600)
    return new StateLock(server)
  }

  /** Gives the directory free, hanging up on everyone; the socket's file goes with it. */
  release(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise(resolve => this.#server.close(() => resolve()))
  }
}

/** Connects to the process that holds the lock; undefined when there is none. */
export function connectHolder(dir: string): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect(lockPath(dir))
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}

async function isHeld(dir: string): Promise<boolean> {
  const socket = await connectHolder(dir)
  socket?.destroy()
  return socket !== undefined
}

function lockPath(dir: string): string {
  const name = createHash('sha256').update(dir).digest('hex').slice(0, 32)
  if (process.platform === 'win32') return `\\\\.\\pipe\\wgrok-${name}`
  const path = join(dir, 'lock')
  return Buffer.byteLength(path) <= SOCKET_PATH_MAX ? path : join(tmpdir(), `wgrok-${name}.lock`)
}

/** False when the address is taken. */
function listens(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => {
      server.removeAllListeners('listening')
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(new WgrokError('spool-failed', `the state directory takes no lock: ${error.code}`, { cause: error }))
    }
    server.once('error', fail)
    server.listen(path, () => {
      server.removeListener('error', fail)
      resolve(true)
    })
  })
}
