import type { Command } from 'commander'
import { WgrokError } from '../errors.js'
import { EXIT_HELP, type ExitCode } from './exit.js'
import type { CliIo } from './io.js'

/** What a command is defined with. */
export interface Cli {
  readonly io: CliIo
  /** Makes an action of a function that returns the exit code. */
  action<Args extends unknown[]>(run: (...args: Args) => Promise<ExitCode>): (...args: Args) => Promise<void>
}

/** Options that every command which reads the configuration has. */
export interface EnvOptions {
  readonly envFile?: readonly string[]
}

/** Adds `--env-file`, which may be repeated. */
export function withEnvFile(command: Command): Command {
  return command.option(
    '--env-file <file>',
    'read variables from a file; the environment wins, and a later file wins over an earlier one',
    (file: string, files: readonly string[] = []) => [...files, file],
  )
}

/** Adds the examples and the exit codes to `--help`. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map(line => `  $ ${line}\n`).join('')}${EXIT_HELP}`)
}

/** Environment plus `--env-file`; a variable of the environment wins, and of two files the later one, as Node has it. */
export async function readEnv(io: CliIo, options: EnvOptions): Promise<Record<string, string | undefined>> {
  const files = options.envFile ?? []
  if (files.length === 0) return { ...io.env }
  const [{ readFile }, { resolve }, { parseEnv }] = await Promise.all([
    import('node:fs/promises'),
    import('node:path'),
    import('node:util'),
  ])
  const layers = await Promise.all(
    files.map(async file => {
      const text = await readFile(resolve(io.cwd, file), 'utf8').catch((cause: NodeJS.ErrnoException) => {
        throw new WgrokError('config-invalid', `--env-file ${file} cannot be read (${cause.code})`, { cause })
      })
      return parseEnv(text)
    }),
  )
  return Object.assign({}, ...layers, io.env)
}

/** Puts flags over the environment: a flag that was given replaces its variable. */
export function overlay(
  env: Record<string, string | undefined>,
  flags: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  return { ...env, ...Object.fromEntries(given) }
}

/** Parser of a commander option that takes a number within bounds. */
export function numberOption(name: string, minimum: number, maximum: number, integer = true): (text: string) => number {
  return text => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum && (!integer || Number.isInteger(value))) return value
    throw new WgrokError(
      'config-invalid',
      `--${name} must be ${integer ? 'an integer' : 'a number'} from ${minimum} to ${maximum}`,
    )
  }
}
