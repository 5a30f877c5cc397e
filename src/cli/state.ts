import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WgrokError } from '../errors.js'

const TOKEN = /^[A-Za-z0-9_-]{43}$/

/** A token nobody can guess, safe in a URL: 32 random bytes in base64url. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/**
 * The token of the local bridge. Made once and kept, so that commands copied yesterday still work today.
 *
 * The folder and the file are the owner's alone, and the folder keeps itself out of git.
 *
 * @throws WgrokError `config-invalid` when the folder cannot be written
 */
export async function keptToken(folder: string): Promise<string> {
  const file = join(folder, 'token')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const kept = await readFile(file, 'utf8').catch(() => '')
    if (TOKEN.test(kept.trim())) return kept.trim()
    const token = newToken()
    await writeFile(join(folder, '.gitignore'), '*\n')
    await writeFile(file, `${token}\n`, { mode: 0o600 })
    return token
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new WgrokError('config-invalid', `the state folder ${folder} cannot be written (${code})`, { cause })
  }
}
