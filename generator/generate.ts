import { relative, resolve } from 'node:path'
import type { ExitCode, GenerateIo, GenerateOptions } from './options.js'
import { build } from './pipeline.js'
import { reportFailure, reportResult } from './report.js'
import { apply, compare } from './sync.js'
import { targetsOf } from './targets.js'
import type { GeneratorThread } from './thread.js'
import { watchSpec } from './watch.js'

/**
 * One run: writes what differs, or with --check only tells it.
 * @throws SpecError when the spec is bad; nothing has been written then
 */
export async function generateOnce(
  options: GenerateOptions,
  io: GenerateIo,
  thread: GeneratorThread,
): Promise<ExitCode> {
  const started = performance.now()
  const built = await build(options.spec, options.cwd, thread)
  const targets = await targetsOf(built, options.env, options.inject)
  const drift = await compare(options.out, built.files, targets.files)
  if (!options.check) await apply(options.out, built.files, targets.files, drift)
  const exit = (options.check && drift.length > 0) || targets.unfilled.length > 0 ? 1 : 0
  reportResult(options, io, {
    exit,
    problems: built.problems,
    drift,
    failures: targets.unfilled.map(path => `${relative(options.cwd, path)}: ${NO_REGION}`),
    files: built.files.size,
    ms: Math.round(performance.now() - started),
  })
  return exit
}

const NO_REGION = 'no text between <!-- wgrok:config --> and <!-- /wgrok:config --> to replace'

/** `--watch`: one run now and one after every change; a bad spec is told and waited out. */
export async function generateOnChange(
  options: GenerateOptions,
  io: GenerateIo,
  thread: GeneratorThread,
): Promise<ExitCode> {
  await watchSpec(resolve(options.cwd, options.spec), io.signal, async () => {
    try {
      await generateOnce(options, io, thread)
    } catch (cause) {
      reportFailure(cause, options, io)
    }
  })
  return 0
}
