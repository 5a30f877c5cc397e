import { type Comparison, compareSpecs } from './compat.js'
import type { ExitCode, GenerateIo, GenerateOptions } from './options.js'
import { readSpec } from './pipeline.js'

/**
 * `--diff OLD`: what changed on the wire since an older spec, and whether info.version says so. Exits 1 when it does
 * not.
 */
export async function runDiff(options: GenerateOptions, old: string, io: GenerateIo): Promise<ExitCode> {
  const before = await readSpec(old, options.cwd)
  const after = await readSpec(options.spec, options.cwd)
  const result = compareSpecs(before, after)
  const versions = { from: before.info.version, to: after.info.version }
  if (options.json) io.stdout(`${JSON.stringify({ ok: result.sufficient, ...versions, ...result })}\n`)
  else io.stdout(textOf(result, versions))
  return result.sufficient ? 0 : 1
}

function textOf(result: Comparison, { from, to }: { from: string; to: string }): string {
  const lines = result.changes.map(({ level, pointer, reason }) => `${level} ${pointer} ${reason}`)
  const says = from === to ? `info.version is still ${to}` : `info.version went from ${from} to ${to} (${result.bump})`
  const verdict = result.verdict === 'none' ? 'no change' : `a ${result.verdict} change`
  return [...lines, `${verdict}; ${says}: ${result.sufficient ? 'enough' : 'not enough'}`, ''].join('\n')
}
