import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { WgrokError } from '../errors.js'
import { defineBridge } from './bridge.js'
import type { Cli } from './command.js'
import { defineConformance } from './conformance.js'
import { defineDiscord } from './discord.js'
import { defineDoctor } from './doctor.js'
import { EXIT, EXIT_HELP, type ExitCode, exitCodeOf } from './exit.js'
import { defineGenerate } from './generate.js'
import type { CliIo } from './io.js'
import { defineKeygen } from './keygen.js'
import { defineReceive } from './receive.js'
import { defineRequest } from './request.js'
import { defineRouter } from './router.js'
import { defineSend } from './send.js'
import { defineSpool } from './spool.js'
import { defineUp } from './up.js'
import { defineValidate } from './validate.js'

/**
 * The `wgrok` command. Never throws: what goes wrong becomes one line on stderr and an exit code.
 *
 * @param argv arguments after the command's name
 */
export async function main(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok
  const cli: Cli = {
    io,
    action:
      run =>
      async (...args) => {
        code = await run(...args)
      },
  }
  try {
    await program(cli).parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    return report(error, io)
  }
}

function program(cli: Cli): Command {
  const { io } = cli
  const command = new Command('wgrok')
    .description('A message bus over chat platforms, and a bridge over WebSocket for everything else.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help of a command')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: text => void io.stdout(text), writeErr: text => io.stderr(text) })
    .addHelpText(
      'after',
      `
Examples:
  $ wgrok up                                          a router on this machine, no configuration
  $ wgrok up --once                                   send three messages through it and compare
  $ wgrok receive --env-file .env                     print what arrives for WGROK_SLUG
  $ wgrok send --to deploy 'start deploy'             send to the agent "deploy"
  $ echo '{"type":"register"}' | wgrok validate       check wire messages
${EXIT_HELP}`,
    )
  for (const define of [
    defineUp,
    defineRouter,
    defineSend,
    defineReceive,
    defineRequest,
    defineBridge,
    defineKeygen,
    defineValidate,
    defineConformance,
    defineGenerate,
    defineDoctor,
    defineDiscord,
    defineSpool,
  ]) {
    define(command, cli)
  }
  return command
}

/** One line, as the README promises; the stack only where somebody debugs. */
function report(caught: unknown, io: CliIo): ExitCode {
  // Commander has printed its own message.
  if (caught instanceof CommanderError) return caught.exitCode === 0 ? EXIT.ok : EXIT.usage
  const error = WgrokError.from(caught)
  const hint = error.code === 'internal' && !isOn(io.env['WGROK_DEBUG']) ? ' (WGROK_DEBUG=true shows where)' : ''
  io.stderr(`wgrok: ${error.message}${hint}\n`)
  if (isOn(io.env['WGROK_DEBUG'])) for (const stack of stacks(caught)) io.stderr(`${stack}\n`)
  return exitCodeOf(error.code)
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(1|true|yes|on)$/i.test(value)
}

/** Positions only: a foreign message may quote what was parsed. */
function stacks(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const at = (error.stack ?? '').split('\n').filter(line => /^ {4}at /.test(line))
  return [`${error.name}\n${at.join('\n')}`, ...stacks(error.cause)]
}

/** From the package's own manifest: two folders up in the sources, three in the build. */
function version(): string {
  for (const up of ['../../', '../../../']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(`${up}package.json`, import.meta.url), 'utf8'))
      if (isManifest(manifest)) return manifest.version
    } catch {
      // Not here.
    }
  }
  return 'unknown'
}

function isManifest(value: unknown): value is { readonly name: 'wgrok'; readonly version: string } {
  return typeof value === 'object' && value !== null && 'name' in value && value.name === 'wgrok' && 'version' in value
}
