import { type Command, Option } from 'commander'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import type { WgrokRouter } from '../router/router.js'
import { type Cli, numberOption, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { aborted, type CliIo } from './io.js'
import { AGENTS, localConfig } from './local.js'

interface UpFlags {
  readonly once?: boolean
  readonly port: number
  readonly state: string
  readonly json?: boolean
}

const PORT_MAX = 65_535

/** `wgrok up`: a router with its bridge on this machine, without any configuration. */
export function defineUp(program: Command, cli: Cli): void {
  const command = program
    .command('up')
    .description('Run a router with its bridge on 127.0.0.1: no account, no configuration, until Ctrl-C.')
    .option('--once', 'send three messages through it to a receiver, print each hop, compare, and end')
    .addOption(
      new Option('--port <port>', 'port of the bridge; when it is taken, a free one')
        .argParser(numberOption('port', 0, PORT_MAX))
        .default(LIMITS.bridgePort),
    )
    .option('--state <folder>', 'where the token is kept', '.wgrok')
    .option('--json', 'print one JSON object per line instead of text')
    .action(cli.action((flags: UpFlags) => (flags.once === true ? once(cli.io, flags) : up(cli.io, flags))))
  withExamples(command, ['wgrok up', 'wgrok up --port 9000', 'wgrok up --once'])
}

async function once(io: CliIo, flags: UpFlags): Promise<ExitCode> {
  const { drill } = await import('./drill.js')
  return drill(io, flags.json === true)
}

async function up(io: CliIo, flags: UpFlags): Promise<ExitCode> {
  const [{ keptToken }, { resolve }] = await Promise.all([import('./state.js'), import('node:path')])
  const token = await keptToken(resolve(io.cwd, flags.state))
  const debug = /^(1|true|yes|on)$/i.test(io.env['WGROK_DEBUG'] ?? '')
  const { router, moved } = await startNear(flags.port, token, debug)
  try {
    const { commands } = await import('./commands.js')
    const url = new URL(router.bridgeUrl ?? '')
    const printed = await commands(io, url, token)
    if (flags.json === true) {
      await io.stdout(
        `${JSON.stringify({ bridge: url.origin === 'null' ? `ws://${url.host}` : url.origin, ...printed })}\n`,
      )
    } else {
      if (moved) await io.stdout(`Port ${flags.port} is taken; this is another one.\n`)
      await io.stdout(`Router up, bridge on ws://${url.host}/bridge/v1/${AGENTS}\n\n`)
      await io.stdout(`In a second terminal, listen:\n\n  ${printed.receive}\n\n`)
      await io.stdout(`and in a third one, send:\n\n  ${printed.send}\n\nCtrl-C ends.\n`)
    }
    await aborted(io.interrupted)
  } finally {
    await router.close()
  }
  if (flags.json !== true) await io.stdout('closed\n')
  return EXIT.ok
}

async function startNear(
  port: number,
  token: string,
  debug: boolean,
): Promise<{ router: WgrokRouter; moved: boolean }> {
  const { WgrokRouter } = await import('../router/router.js')
  const start = async (at: number): Promise<WgrokRouter> => {
    const router = new WgrokRouter(localConfig(at, token, debug))
    await router.start()
    return router
  }
  try {
    return { router: await start(port), moved: false }
  } catch (error) {
    if (!isTaken(error)) throw error
    return { router: await start(0), moved: true }
  }
}

function isTaken(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('code' in error && error.code === 'EADDRINUSE') return true
  return error instanceof WgrokError && isTaken(error.cause)
}
