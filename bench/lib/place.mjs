import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Absolute path of the repository. */
export const ROOT = path.resolve(fileURLToPath(new URL('../..', import.meta.url)))

/** Loads a module of the shipped build. @param {string} file below `dist` */
export function shipped(file) {
  return import(pathToFileURL(path.join(ROOT, 'dist', file)).href)
}

/** Downloads and scratch files; ignored by git like everything in `node_modules`. */
export const CACHE = path.join(ROOT, 'bench', 'node_modules', '.cache')
