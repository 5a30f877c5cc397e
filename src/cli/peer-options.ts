import { type Command, Option } from 'commander'
import { PLATFORMS } from '../../generated/models.js'
import { WgrokError } from '../errors.js'
import type { SenderConfig } from '../protocol.js'
import { type Cli, type EnvOptions, numberOption, overlay, readEnv, withEnvFile } from './command.js'

/** Options of every command that is a peer on the bus. */
export interface PeerFlags extends EnvOptions {
  readonly platform?: string
  readonly target?: string
  readonly tokenFromEnv?: string
  readonly json?: boolean
}

/** Options of the commands that send. */
export interface SendFlags extends PeerFlags {
  readonly to?: string
  readonly from?: string
  readonly compress?: true | string
  readonly timeout: number
}

/** Longest `--timeout`, in seconds: a day. */
const TIMEOUT_MAX = 86_400

/** `--timeout` in seconds, with or without a default. */
export function withTimeout(command: Command, doc: string, seconds?: number): Command {
  const parser = numberOption('timeout', 0.001, TIMEOUT_MAX, false)
  return command.addOption(new Option('--timeout <seconds>', doc).argParser(parser).default(seconds))
}

/** Adds the options of {@link PeerFlags}. */
export function withPeerFlags(command: Command): Command {
  return withEnvFile(command)
    .addOption(new Option('--platform <name>', 'instead of WGROK_PLATFORM').choices([...PLATFORMS]))
    .option('--target <address>', 'address of the router, instead of WGROK_TARGET')
    .option('--token-from-env <name>', 'variable that holds the token, instead of WGROK_TOKEN')
}

/** Adds the options of {@link SendFlags}. */
export function withSendFlags(command: Command): Command {
  return withPeerFlags(command)
    .option('--to <slug>', 'who it is for, instead of WGROK_SLUG')
    .option('--from <slug>', 'own slug that answers go to, instead of WGROK_FROM; - for anonymous')
    .addOption(
      new Option('--compress [mode]', 'instead of WGROK_COMPRESS')
        .choices(['always', 'auto', 'never'])
        .preset('always'),
    )
}

/** The environment with the flags over it. */
export async function peerEnv(cli: Cli, flags: PeerFlags): Promise<Record<string, string | undefined>> {
  const env = await readEnv(cli.io, flags)
  return overlay(env, {
    WGROK_PLATFORM: flags.platform,
    WGROK_TARGET: flags.target,
    WGROK_TOKEN: tokenFrom(flags.tokenFromEnv, env),
  })
}

/** Configuration of a command that sends: the slug may come as `--to` alone, and nobody is then answered. */
export async function senderConfig(cli: Cli, flags: SendFlags): Promise<SenderConfig> {
  const env = await peerEnv(cli, flags)
  const { senderConfigFromEnv } = await import('../config/from-env.js')
  const { checkSlug } = await import('../frame/slug.js')
  if (flags.to !== undefined) checkSlug(flags.to, '--to')
  if (flags.from !== undefined) checkSlug(flags.from, '--from')
  const own = env['WGROK_FROM'] ?? env['WGROK_SLUG']
  return senderConfigFromEnv({
    ...env,
    WGROK_SLUG: flags.to ?? env['WGROK_SLUG'],
    WGROK_FROM: flags.from ?? own ?? '-',
    ...(typeof flags.compress === 'string' ? { WGROK_COMPRESS: flags.compress } : {}),
  })
}

/** Tokens never stand on a command line, where every process of the machine can read them. */
function tokenFrom(name: string | undefined, env: Record<string, string | undefined>): string | undefined {
  if (name === undefined) return undefined
  const token = env[name]
  if (token !== undefined && token !== '') return token
  throw new WgrokError('config-missing', `${name}, named by --token-from-env, is not set`)
}
