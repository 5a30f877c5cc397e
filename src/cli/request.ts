import type { Command } from 'commander'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import { type Cli, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { deadline, within } from './io.js'
import { type SendFlags, senderConfig, withSendFlags, withTimeout } from './peer-options.js'
import { printable, readPayload } from './text.js'

/** `wgrok request`: one payload, and the answer to it. */
export function defineRequest(program: Command, cli: Cli): void {
  const command = withSendFlags(program.command('request'))
    .description('Send one payload, wait for the answer and print it. Exit code 1 when none came in time.')
    .argument('[payload]', 'the payload; read from stdin, verbatim, when absent or -')
    .option('--json', 'print the answer with slug, cards and context as JSON')
    .action(cli.action((payload: string | undefined, flags: SendFlags) => request(cli, payload, flags)))
  withTimeout(command, 'how long to wait for the answer', LIMITS.requestTimeout / 1000)
  withExamples(command, [
    "wgrok request --to deploy 'status?'",
    'wgrok request --to jira --json \'{"open":true}\' | jq -r .payload',
  ])
}

async function request(cli: Cli, argument: string | undefined, flags: SendFlags): Promise<ExitCode> {
  const { io } = cli
  const config = await senderConfig(cli, flags)
  const payload = await readPayload(argument, io)
  const { WgrokSender } = await import('../bus/sender.js')
  const sender = new WgrokSender(config)
  const end = deadline(io.interrupted, flags.timeout * 1000)
  try {
    const answer = sender.request(payload, { timeoutMs: flags.timeout * 1000, signal: end.signal })
    const reply = await within(answer, end.signal)
    const text = io.stdoutIsTerminal ? printable(reply.payload) : reply.payload
    await io.stdout(flags.json === true ? `${JSON.stringify(reply)}\n` : `${text}\n`)
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof WgrokError) || error.code !== 'timeout') throw error
    io.stderr(`wgrok: ${error.message}\n`)
    return EXIT.no
  } finally {
    end.release()
    await sender.close()
  }
}
