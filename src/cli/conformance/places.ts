import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WgrokError } from '../../errors.js'
import type { CliIo } from '../io.js'

/** Spec version whose cases are run when nobody says otherwise. */
export const SPEC = '1.0'

/** Folder of the cases: the one that was named, else the one that comes with the package. */
export function casesFolder(io: CliIo, named: string | undefined): string {
  if (named !== undefined) return resolve(io.cwd, named)
  const found = packageFile('tests/cases')
  if (found === undefined) throw new WgrokError('internal', 'the package has no cases')
  return found
}

/** Version of this package. */
export function packageVersion(): string {
  const file = packageFile('package.json')
  const { version } = file === undefined ? { version: 'unknown' } : JSON.parse(readFileSync(file, 'utf8'))
  return String(version)
}

/** Three folders up in the sources, four in the build. */
function packageFile(name: string): string | undefined {
  return ['../../../', '../../../../']
    .filter(up => existsSync(new URL(`${up}package.json`, import.meta.url)))
    .map(up => fileURLToPath(new URL(`${up}${name}`, import.meta.url)))
    .find(path => existsSync(path))
}
