import type { Command } from 'commander'
import { WgrokError } from '../errors.js'
import type { Cli } from './command.js'
import type { ExitCode } from './exit.js'

/**
 * `wgrok generate`: the generator, for this package's document or another project's own. Its options are the
 * generator's; its packages are optional peers, and those that are missing are named.
 */
export function defineGenerate(program: Command, cli: Cli): void {
  const { io } = cli
  program
    .command('generate')
    .description('Generate models, validators, frames, stubs and schemas from an AsyncAPI document.')
    .usage('[options]')
    .argument('[options...]', 'see `wgrok generate --help`')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(
      cli.action(async (args: readonly string[]): Promise<ExitCode> => {
        const { runGenerate } = await import('../../generator/cli.js').catch(missing)
        const pending: Promise<void>[] = []
        const code = await runGenerate(args, {
          stdout: text => void pending.push(io.stdout(text)),
          stderr: text => io.stderr(text),
          cwd: io.cwd,
          signal: io.interrupted,
        })
        await Promise.all(pending)
        return code
      }),
    )
}

/** The generator names its peers itself; this is for one that is gone before it could. */
function missing(cause: NodeJS.ErrnoException): never {
  if (cause.code !== 'ERR_MODULE_NOT_FOUND') throw cause
  const name = /package '([^']+)'/.exec(cause.message)?.[1] ?? 'a package'
  throw new WgrokError('dependency-missing', `the generator needs ${name}: npm i -D ${name}`, { cause })
}
