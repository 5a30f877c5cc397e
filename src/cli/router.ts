import type { Command } from 'commander'
import { type Cli, type EnvOptions, readEnv, withEnvFile, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { aborted } from './io.js'

interface RouterFlags extends EnvOptions {
  readonly json?: boolean
}

/** `wgrok router`: the router that the environment describes. */
export function defineRouter(program: Command, cli: Cli): void {
  const command = withEnvFile(program.command('router'))
    .description(
      'Run the router that the environment describes. SIGTERM and Ctrl-C send what is queued, then end; SIGHUP reads routes, applications, bridge tokens and allowlist again.',
    )
    .option('--json', 'print the addresses as JSON')
    .action(cli.action((flags: RouterFlags) => router(cli, flags)))
  withExamples(command, [
    'wgrok router --env-file router.env',
    'WGROK_DOMAINS=agents.bridge WGROK_BRIDGE_TOKENS="agents:$TOKEN" wgrok router',
  ])
}

async function router(cli: Cli, flags: RouterFlags): Promise<ExitCode> {
  const { io } = cli
  const [{ botConfigFromEnv }, { WgrokRouter }, { reloadOnHangup }] = await Promise.all([
    import('../config/from-env.js'),
    import('../router/router.js'),
    import('../router/hangup.js'),
  ])
  const config = botConfigFromEnv(await readEnv(io, flags))
  const running = new WgrokRouter(config)
  const closing = aborted(io.interrupted).then(() => running.close())
  const reload = async () => botConfigFromEnv(await readEnv(io, flags))
  const letGo = reloadOnHangup(running, reload, error => io.stderr(`wgrok: ${error.message}\n`))
  try {
    await running.start()
    const { accounts } = await running.status()
    const addresses = {
      accounts: accounts.map(({ name }) => name),
      bridge: running.bridgeUrl,
      http: running.httpUrl,
    }
    const listening = [...addresses.accounts, addresses.bridge, addresses.http].filter(place => place !== undefined)
    await io.stdout(flags.json === true ? `${JSON.stringify(addresses)}\n` : `router up: ${listening.join(', ')}\n`)
    await closing
    return EXIT.ok
  } finally {
    letGo()
    await running.close()
  }
}
