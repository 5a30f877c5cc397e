import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureBuilt, ROOT } from '../cli/run.js'

/** A project that has `wgrok` from a packed tarball, as its users have it. */
export interface Installed {
  /** Folder of the project. */
  readonly folder: string
  /** The tarball. */
  readonly tarball: string
  remove(): void
}

/** npm, the one that runs the tests. A failure shows what npm said. */
function npm(args: readonly string[], cwd: string): string {
  const cli = process.env['npm_execpath']
  const [file, all] = cli?.endsWith('.js') ? [process.execPath, [cli, ...args]] : ['npm', args]
  // The settings of the `npm test` around us are not those of a user of the package.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(config|package|lifecycle)_(?!registry|cafile|userconfig|globalconfig|cache)/i.test(name),
    ),
  )
  return execFileSync(file, [...all], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Packs the repository and installs the tarball into an empty project, from npm's cache where it can. */
export function install(): Installed {
  ensureBuilt()
  const folder = mkdtempSync(join(tmpdir(), 'wgrok-package-'))
  const packed: unknown = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], ROOT))
  const tarball = join(folder, fileNameOf(packed))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], folder)
  return { folder, tarball, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function fileNameOf(packed: unknown): string {
  const list = Array.isArray(packed) ? packed : Object.values(packed as object)
  const [first] = list as readonly { readonly filename?: unknown }[]
  if (typeof first?.filename === 'string') return first.filename
  throw new Error('npm pack named no file')
}
