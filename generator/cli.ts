import { type ExitCode, type GenerateIo, type GenerateOptions, parseOptions, USAGE } from './options.js'
import { MissingPeerError, missingPeers } from './peers.js'
import { reportFailure } from './report.js'
import { GeneratorThread } from './thread.js'

export type { ExitCode, GenerateIo } from './options.js'

/**
 * `wgrok generate`: spec -> files, or what --check and --diff ask for. Never throws, and writes nothing to disk unless
 * the whole spec is good.
 * @param argv arguments after the command's name
 */
export async function runGenerate(argv: readonly string[], io: GenerateIo): Promise<ExitCode> {
  let options: GenerateOptions | undefined
  try {
    options = parseOptions(argv, io)
  } catch (cause) {
    io.stderr(`${(cause as Error).message}\n${USAGE}`)
    return 2
  }
  if (options === undefined) {
    io.stdout(USAGE)
    return 0
  }
  let thread: GeneratorThread | undefined
  try {
    const missing = missingPeers()
    if (missing.length > 0) throw new MissingPeerError(missing, undefined)
    if (options.diff !== undefined) {
      const { runDiff } = await import('./diff-command.js')
      return await runDiff(options, options.diff, io)
    }
    // The thread has the longest way to go: it starts before everything else is even loaded.
    thread = new GeneratorThread()
    const { generateOnce, generateOnChange } = await import('./generate.js')
    return await (options.watch ? generateOnChange(options, io, thread) : generateOnce(options, io, thread))
  } catch (cause) {
    return reportFailure(cause, options, io)
  } finally {
    await thread?.close()
  }
}
