import { existsSync, realpathSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CliIo } from './io.js'
import { AGENTS } from './local.js'

/** Commands to copy into another terminal. */
export interface Commands {
  readonly receive: string
  readonly send: string
}

/** The commands that reach the bridge at `url`, as they are to be typed in the folder that we were started in. */
export function commands(io: CliIo, url: URL, token: string): Commands {
  const wgrok = invocation(io.cwd)
  const peer = {
    WGROK_PLATFORM: 'bridge',
    WGROK_TOKEN: `ws://${AGENTS}:${token}@${url.host}`,
    WGROK_SLUG: 'demo',
  }
  return {
    receive: line({ ...peer, WGROK_DOMAINS: `${AGENTS}.bridge` }, `${wgrok} receive`),
    send: line(peer, `${wgrok} send 'hello world'`),
  }
}

/** `npx wgrok` where the package is installed; the file itself in a clone and everywhere else. */
function invocation(cwd: string): string {
  const root = packageRoot()
  const installed = join(cwd, 'node_modules', 'wgrok')
  if (existsSync(installed) && realpathSync(installed) === realpathSync(root)) return 'npx wgrok'
  const file = join(root, 'bin', 'wgrok.js')
  const near = relative(cwd, file)
  return `node ${quote(near.startsWith('..') ? file : near)}`
}

/** Two folders up in the sources, three in the build. */
function packageRoot(): string {
  const near = fileURLToPath(new URL('../../', import.meta.url))
  return existsSync(join(near, 'bin', 'wgrok.js')) ? near : fileURLToPath(new URL('../../../', import.meta.url))
}

function line(env: Readonly<Record<string, string>>, command: string): string {
  const entries = Object.entries(env)
  if (process.platform === 'win32') {
    return `${entries.map(([name, value]) => `$env:${name}='${value}'`).join('; ')}; ${command}`
  }
  return `${entries.map(([name, value]) => `${name}=${value}`).join(' ')} ${command}`
}

function quote(text: string): string {
  return /^[\w@%+=:,./\\-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
