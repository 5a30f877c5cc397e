import { fileURLToPath } from 'node:url'

/** Folders below golden/: each holds a spec.yaml, what it turns into, and a use.ts that must compile against that. */
export const GOLDEN: readonly string[] = ['shapes', 'wire', 'names']

export const GOLDEN_FOLDER: string = fileURLToPath(new URL('golden/', import.meta.url))

/** Root of the repository. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))
