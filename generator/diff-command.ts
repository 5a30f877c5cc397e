import type { Spec } from './ir.js'
import type { ExitCode, GenerateIo, GenerateOptions } from './options.js'
import { readSpec } from './pipeline.js'

interface Comparison {
  readonly verdict: string
  readonly changes: readonly { readonly level: string; readonly pointer: string; readonly reason: string }[]
}

/** `--diff OLD`: what changed on the wire since an older spec, and whether info.version says so. */
export async function runDiff(options: GenerateOptions, old: string, io: GenerateIo): Promise<ExitCode> {
  const path = './compat.js'
  const { compareSpecs } = (await import(path)) as { compareSpecs: (old: Spec, now: Spec) => Comparison }
  const before = await readSpec(old, options.cwd)
  const now = await readSpec(options.spec, options.cwd)
  const result = compareSpecs(before, now)
  io.stdout(`${JSON.stringify(result)}\n`)
  return 0
}
