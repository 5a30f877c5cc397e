import type { Command } from 'commander'
import { WgrokError } from '../errors.js'
import { type Cli, type EnvOptions, overlay, readEnv, withEnvFile, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'

interface RegisterFlags extends EnvOptions {
  readonly token?: string
  readonly json?: boolean
}

/** `wgrok discord register`: the slash command of the interactions endpoint. */
export function defineDiscord(program: Command, cli: Cli): void {
  const discord = program.command('discord').description('Look after what Discord keeps for the bot.')
  const command = withEnvFile(discord.command('register'))
    .description('Register /wgrok with Discord, or renew it. Other commands of the application stay as they are.')
    .option(
      '--token <token>',
      'bot token; better left to WGROK_TOKEN or WGROK_DISCORD_TOKENS, which no process list shows',
    )
    .option('--json', 'print {"id":"...","name":"...","application_id":"..."}')
    .action(cli.action((flags: RegisterFlags) => register(cli, flags)))
  withExamples(command, [
    'wgrok discord register --env-file router.env',
    'WGROK_DISCORD_TOKENS="$TOKEN" wgrok discord register',
  ])
}

async function register({ io }: Cli, flags: RegisterFlags): Promise<ExitCode> {
  const env = overlay(await readEnv(io, flags), { WGROK_DISCORD_TOKENS: flags.token })
  const [{ createDiscordApi }, { WGROK_COMMAND }, { createDial }] = await Promise.all([
    import('../transport/discord/api.js'),
    import('../transport/discord/interaction.js'),
    import('../transport/dial.js'),
  ])
  const [apiUrl, proxy] = [setting(env, 'WGROK_DISCORD_API_URL'), setting(env, 'WGROK_PROXY')]
  for (const token of tokensOf(env)) {
    const dial = createDial(proxy === undefined ? {} : { proxy })
    const api = createDiscordApi(token, { dial, ...(apiUrl === undefined ? {} : { apiUrl }) })
    try {
      const { id: applicationId } = await api.getApplication(io.interrupted)
      const { id = '', name } = await api.createCommand(applicationId, WGROK_COMMAND, io.interrupted)
      await io.stdout(
        flags.json === true
          ? `${JSON.stringify({ id, name, application_id: applicationId })}\n`
          : `registered /${name} with application ${applicationId}\n`,
      )
    } finally {
      await api.close()
    }
  }
  return EXIT.ok
}

/** A router may have several bots, each of an application of its own. */
function tokensOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const own = setting(env, 'WGROK_PLATFORM') === 'discord' ? setting(env, 'WGROK_TOKEN') : undefined
  const tokens = (setting(env, 'WGROK_DISCORD_TOKENS') ?? own ?? '')
    .split(',')
    .map(token => token.trim())
    .filter(token => token !== '')
  if (tokens.length === 0) {
    throw new WgrokError('config-missing', 'set WGROK_DISCORD_TOKENS, or WGROK_TOKEN with WGROK_PLATFORM=discord')
  }
  return tokens
}

function setting(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}
