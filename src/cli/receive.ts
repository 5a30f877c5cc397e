import type { Command } from 'commander'
import { type Cli, numberOption, overlay, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { aborted, deadline } from './io.js'
import { type PeerFlags, peerEnv, withPeerFlags, withTimeout } from './peer-options.js'
import { printable } from './text.js'

interface ReceiveFlags extends PeerFlags {
  readonly slug?: string
  readonly domains?: string
  readonly count?: number
  readonly timeout?: number
}

const COUNT_MAX = 1_000_000_000

/** `wgrok receive`: prints what arrives for one slug. */
export function defineReceive(program: Command, cli: Cli): void {
  const command = withPeerFlags(program.command('receive'))
    .description('Print what arrives for WGROK_SLUG, until Ctrl-C, --count or --timeout.')
    .option('--slug <slug>', 'own slug, instead of WGROK_SLUG')
    .option('--domains <patterns>', 'who may speak, instead of WGROK_DOMAINS')
    .option('--count <n>', 'end after this many messages', numberOption('count', 1, COUNT_MAX))
    .option('--json', 'one JSON object per line: slug, from, payload, cards, context')
    .action(cli.action((flags: ReceiveFlags) => receive(cli, flags)))
  withTimeout(command, 'end after this time; exit code 1 when --count was not reached, or nothing came')
  withExamples(command, [
    'wgrok receive --env-file .env',
    'wgrok receive --count 1 --timeout 30 --json',
    'wgrok receive --json | jq -r \'select(.from == "ci") | .payload\'',
  ])
}

async function receive(cli: Cli, flags: ReceiveFlags): Promise<ExitCode> {
  const { io } = cli
  const env = overlay(await peerEnv(cli, flags), { WGROK_SLUG: flags.slug, WGROK_DOMAINS: flags.domains })
  const [{ receiverConfigFromEnv }, { WgrokReceiver }] = await Promise.all([
    import('../config/from-env.js'),
    import('../bus/receiver.js'),
  ])
  const config = receiverConfigFromEnv(env)
  const end = new AbortController()
  let heard = 0
  const receiver = new WgrokReceiver(
    config,
    async (slug, payload, cards, from, context) => {
      // Those that arrive while the last one is printed are not for this call any more.
      if (heard === flags.count) return
      heard += 1
      const { messageId, sender, platform, room } = context
      const json = { slug, from, payload, cards, context: { messageId, sender, platform, room } }
      const text = io.stdoutIsTerminal ? printable(payload) : payload
      await io.stdout(flags.json === true ? `${JSON.stringify(json)}\n` : `${printable(from)}: ${text}\n`)
      if (heard === flags.count) end.abort()
    },
    { onError: error => io.stderr(`wgrok: ${error.message}\n`) },
  )
  const until = deadline(io.interrupted, flags.timeout === undefined ? undefined : flags.timeout * 1000)
  try {
    const stop = Promise.race([aborted(until.signal), aborted(end.signal)])
    const live = receiver.listen().then(() => io.stderr(`listening as ${config.slug} on ${config.platform}\n`))
    await Promise.race([stop, live.then(() => stop)])
  } finally {
    until.release()
    await receiver.close()
  }
  if (io.interrupted.aborted) return EXIT.ok
  return heard === (flags.count ?? Math.max(heard, 1)) ? EXIT.ok : EXIT.no
}
