import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { type FirstDifference, firstDifference } from './diff.js'
import { MANIFEST, type Manifest } from './render.js'

/** How a file on disk differs from what the spec gives. */
export type DriftKind =
  /** Not on disk. */
  | 'missing'
  /** Other content. */
  | 'stale'
  /** On disk and in the manifest, but no longer generated. */
  | 'orphaned'
  /** In the output folder, but never generated; it is reported and left alone. */
  | 'foreign'

export interface Drift {
  readonly kind: DriftKind
  /** Absolute. */
  readonly path: string
  /** For stale files. */
  readonly difference?: FirstDifference
}

/**
 * Compares rendered files with the disk. Line ends do not count, so that a CRLF checkout is not stale.
 * @param files path below `out` -> content, with the manifest
 * @param extras absolute path -> content, for files outside of `out`
 */
export async function compare(
  out: string,
  files: ReadonlyMap<string, string>,
  extras: ReadonlyMap<string, string> = new Map(),
): Promise<Drift[]> {
  const wanted = new Map([...files].map(([path, text]) => [join(out, path), text]))
  const drift = await Promise.all(
    [...wanted, ...extras].map(async ([path, text]): Promise<Drift[]> => {
      const found = await readText(path)
      if (found === undefined) return [{ kind: 'missing', path }]
      return found === text ? [] : [{ kind: 'stale', path, difference: firstDifference(found, text) }]
    }),
  )
  const listed = await listedFiles(out)
  const others = (await allFiles(out)).filter(path => !wanted.has(path))
  return [
    ...drift.flat(),
    ...others.map(path => ({ kind: listed.has(path) ? ('orphaned' as const) : ('foreign' as const), path })),
  ]
}

/** Removes drift: writes what is missing or stale, deletes orphans. Each file appears whole or not at all. */
export async function apply(
  out: string,
  files: ReadonlyMap<string, string>,
  extras: ReadonlyMap<string, string>,
  drift: readonly Drift[],
): Promise<void> {
  const content = new Map([...files].map(([path, text]) => [join(out, path), text]))
  for (const { kind, path } of drift) {
    if (kind === 'orphaned') await rm(path)
    if (kind !== 'missing' && kind !== 'stale') continue
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.tmp`, content.get(path) ?? extras.get(path) ?? '')
    await rename(`${path}.tmp`, path)
  }
}

/** What the manifest on disk claims, kept to paths inside of `out`: a manifest is text that anyone can edit. */
async function listedFiles(out: string): Promise<Set<string>> {
  const text = await readText(join(out, MANIFEST))
  if (text === undefined) return new Set()
  try {
    const { files } = JSON.parse(text) as Manifest
    const paths = Object.keys(files ?? {}).map(path => resolve(out, path))
    return new Set(paths.filter(path => isInside(out, path)))
  } catch {
    return new Set()
  }
}

async function allFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(ignoreMissing)
  return (entries ?? []).filter(entry => !entry.isDirectory()).map(entry => join(entry.parentPath, entry.name))
}

/** The file's text with LF line ends; undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(ignoreMissing)
  return text?.replace(/\r\n/g, '\n')
}

function ignoreMissing(cause: unknown): undefined {
  if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
  throw cause
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
