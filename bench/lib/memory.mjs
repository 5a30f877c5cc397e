import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { quantile } from './measure.mjs'

const RUNS = 3

/**
 * How far one encode or decode of 10 MiB raises the memory of a process, in bytes: the system's own high-water mark, in
 * a process of its own, the lowest of several, since the allocator adds at random and never takes away.
 */
export async function peakMemory(direction, mode, side, quick) {
  const figures = []
  for (let i = 0; i < (quick ? 1 : RUNS); i++) {
    const script = fileURLToPath(new URL('./memory-child.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, direction, mode, side])
    figures.push(Number(stdout))
  }
  return quantile(figures, 0)
}
