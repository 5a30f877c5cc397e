import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the repository. */
export const ROOT = path.resolve(fileURLToPath(new URL('../..', import.meta.url)))

/** Joins path segments below {@link ROOT}. */
export function at(...segments) {
  return path.join(ROOT, ...segments)
}
