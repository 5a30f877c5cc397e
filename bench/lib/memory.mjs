import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { quantile } from './measure.mjs'

const RUNS = 3

/**
 * Left alone, glibc keeps more and more of what was freed, and what is measured then fits into what was there before, or
 * does not, by chance. So it gives back everything from 128 KiB.
 */
const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: String(2 ** 17) }

/**
 * How far one encode or decode of 10 MiB raises the memory of a process, in bytes: the system's own high-water mark, in
 * a process of its own, the lowest of several.
 */
export async function peakMemory(direction, mode, side, quick) {
  const figures = []
  for (let i = 0; i < (quick ? 1 : RUNS); i++) {
    const script = fileURLToPath(new URL('./memory-child.mjs', import.meta.url))
    const args = ['--expose-gc', script, direction, mode, side]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env })
    figures.push(Number(stdout))
  }
  return quantile(figures, 0)
}
