import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A server program of Debian's, or why there is none. */
export type DebianProgram = { readonly path: string } | { readonly missing: string }

/**
 * Finds a server; installs its package where that is possible (as root, with apt-get).
 *
 * @throws Error with `CI=true` when there is none: a test that is not run must not look like one that passed.
 */
export async function debianProgram(name: string, packageName: string = name): Promise<DebianProgram> {
  const found = find(name)
  if (found !== undefined) return { path: found }
  let problem = `apt-get install ${packageName}`
  if (process.getuid?.() === 0 && find('apt-get') !== undefined) {
    problem = await install(packageName)
    const installed = find(name)
    if (installed !== undefined) return { path: installed }
  }
  if (process.env['CI'] === 'true') throw new Error(`${name} is missing: ${problem}`)
  return { missing: `${name} is missing: ${problem}` }
}

function find(name: string): string | undefined {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}

/** Returns what went wrong, if anything. Several test files may come here at once: apt waits for its lock. */
async function install(packageName: string): Promise<string> {
  const run = promisify(execFile)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const lock = ['-o', 'DPkg::Lock::Timeout=120']
  const args = [...lock, 'install', '-y', '--no-install-recommends', packageName]
  try {
    await run('apt-get', args, { env }).catch(async () => {
      await run('apt-get', [...lock, 'update'], { env })
      await run('apt-get', args, { env })
    })
    return 'apt-get installed it, but it is not there'
  } catch (error) {
    return `apt-get install ${packageName} failed: ${String((error as Error).message).slice(0, 200)}`
  }
}

/** A server that runs in a folder of its own. */
export interface RunningServer {
  readonly port: number
  readonly pid: number
  /** What it printed. */
  readonly output: string
  /** Ends the process and removes its folder. */
  stop(): Promise<void>
}

/** How to start a server. */
export interface StartServer {
  readonly path: string
  /** Name and content of the files it needs. */
  readonly files: Readonly<Record<string, string>>
  readonly args: (folder: string) => readonly string[]
  /** Must accept connections before the server counts as started. */
  readonly port: number
}

/** A port on loopback that nobody uses right now. */
export async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

/** Starts a server and waits until it accepts connections. */
export async function startServer({ path, files, args, port }: StartServer): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), 'wgrok-server-'))
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), content.replaceAll('{folder}', folder))
  }
  const child = spawn(path, args(folder), { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  let output = ''
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-20_000)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', () => {})
  const stop = async (): Promise<void> => {
    await end(child)
    rmSync(folder, { recursive: true, force: true })
  }
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries >= 200 || child.exitCode !== null || child.pid === undefined) {
      await stop()
      throw new Error(`${path} did not start:\n${output}`)
    }
    await sleep(50)
  }
  return {
    port,
    pid: child.pid ?? 0,
    get output() {
      return output
    },
    stop,
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3_000)
  await gone
  clearTimeout(timer)
}
