import type { Command } from 'commander'
import { LIMITS } from '../../generated/limits.js'
import { type Cli, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { deadline, within } from './io.js'
import { type SendFlags, senderConfig, withSendFlags, withTimeout } from './peer-options.js'
import { count, readPayload } from './text.js'

/** `wgrok send`: one payload to one slug. */
export function defineSend(program: Command, cli: Cli): void {
  const command = withSendFlags(program.command('send'))
    .description('Send one payload. Long ones are cut into chunks, and encrypted when WGROK_ENCRYPT_KEY is set.')
    .argument('[payload]', 'the payload; read from stdin, verbatim, when absent or -')
    .option('--json', 'print the result as JSON')
    .action(cli.action((payload: string | undefined, flags: SendFlags) => send(cli, payload, flags)))
  withTimeout(command, 'how long the send may take', LIMITS.sendTimeout / 1000)
  withExamples(command, [
    "wgrok send 'hello world'",
    "wgrok send --to deploy --from ci 'start deploy'",
    'wgrok send --to reports --compress < report.json',
  ])
}

async function send(cli: Cli, argument: string | undefined, flags: SendFlags): Promise<ExitCode> {
  const { io } = cli
  const config = await senderConfig(cli, flags)
  const payload = await readPayload(argument, io)
  const { WgrokSender } = await import('../bus/sender.js')
  const sender = new WgrokSender(config)
  const { release, signal } = deadline(io.interrupted, flags.timeout * 1000)
  try {
    const result = await within(sender.send(payload, { signal }), signal)
    const text = `sent ${count(result.messageIds.length, 'frame')} to ${config.slug}`
    await io.stdout(flags.json === true ? `${JSON.stringify(result)}\n` : `${text}\n`)
    return EXIT.ok
  } finally {
    release()
    await sender.close()
  }
}
