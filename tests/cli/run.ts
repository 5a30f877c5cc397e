import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))
/** What `npm i wgrok` puts on the path. */
export const BIN: string = fileURLToPath(new URL('../../bin/wgrok.js', import.meta.url))

/** Longest that one command may take in a test, in ms. */
const LIMIT = 30_000

/** How a command ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Options of {@link start}. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string | Uint8Array
  /** Leave stdin open for the test to write to. */
  readonly keepStdin?: boolean
  /** How long the command may run, in ms. Default 30 s. */
  readonly limit?: number
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves once the process is gone. Rejects when it does not end by itself. */
  readonly ended: Promise<Ended>
  /** Resolves with stdout and stderr so far, once they match. Rejects when the process ends without that. */
  until(pattern: RegExp): Promise<string>
}

/** Builds `dist` unless the test command has just done so. */
export function ensureBuilt(): void {
  if (process.env['WGROK_BUILT'] === '1') return
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, encoding: 'utf8' })
  if (status !== 0) throw new Error(`build failed\n${stderr}`)
}

/** Nothing of the environment that the tests run in may change what a command does. */
function cleanEnv(env: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(WGROK_|VITEST|NODE_OPTIONS$|NODE_ENV$)/.test(name),
  )
  return { ...Object.fromEntries(inherited), ...env }
}

/** Starts any command. */
export function startCommand(file: string, args: readonly string[], options: StartOptions = {}): Running {
  const child = spawn(file, args, { cwd: options.cwd ?? ROOT, env: cleanEnv(options.env ?? {}), stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  const watchers = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', chunk => {
    stdout += chunk
    for (const look of watchers) look()
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
    for (const look of watchers) look()
  })
  // A command that refuses its arguments has gone before it reads.
  child.stdin.on('error', () => {})
  if (options.keepStdin !== true) child.stdin.end(options.stdin ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`${args.join(' ')} did not end\n${stdout}\n${stderr}`))
    }, options.limit ?? LIMIT)
    child.once('error', reject)
    child.once('close', code => {
      clearTimeout(timer)
      resolve({ code, stdout, stderr })
    })
  })
  ended.catch(() => {})
  function until(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const all = stdout + stderr
        if (!pattern.test(all)) return
        watchers.delete(look)
        resolve(all)
      }
      watchers.add(look)
      look()
      ended.then(() => reject(new Error(`ended before ${pattern}\n${stdout}\n${stderr}`)), reject)
    })
  }
  return { child, stdout: () => stdout, stderr: () => stderr, ended, until }
}

/** Starts `wgrok`. */
export function start(args: readonly string[], options: StartOptions = {}): Running {
  return startCommand(process.execPath, [BIN, ...args], options)
}

/** Runs `wgrok` to its end. */
export function run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return start(args, options).ended
}
