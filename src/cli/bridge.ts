import type { Command } from 'commander'
import type { BridgeEnvelope, BridgeRegister } from '../../generated/models.js'
import type { BridgeClient } from '../bridge/client.js'
import { WgrokError } from '../errors.js'
import { type Cli, type EnvOptions, numberOption, readEnv, withEnvFile, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { aborted, type CliIo } from './io.js'
import { readLines } from './lines.js'
import { printable } from './text.js'

interface BridgeFlags extends EnvOptions {
  readonly tokenFromEnv: string
  readonly capabilities: string
  readonly content?: boolean
  readonly stay?: boolean
  readonly quiet: number
}

/** Longest `--quiet`, in seconds. */
const QUIET_MAX = 3600

/** `wgrok bridge`: an adapter made of a shell's pipes. */
export function defineBridge(program: Command, cli: Cli): void {
  const command = withEnvFile(program.command('bridge'))
    .description(
      'Join a bridge: envelopes from stdin are sent, envelopes that arrive are printed, one JSON object per line.',
    )
    .option('--token-from-env <name>', 'variable that holds ws://platform:token@host:port', 'WGROK_TOKEN')
    .option('--capabilities <names>', 'what this adapter can show, comma-separated', 'text')
    .option('--content', 'print the content of messages and replies instead of whole envelopes')
    .option('--stay', 'stay connected after the end of stdin, until Ctrl-C')
    .option(
      '--quiet <seconds>',
      'after the end of stdin, end when nothing has come for this long',
      numberOption('quiet', 0.01, QUIET_MAX, false),
      1,
    )
    .action(cli.action((flags: BridgeFlags) => bridge(cli.io, flags)))
  withExamples(command, [
    'wgrok bridge --stay </dev/null | jq -r .content',
    `printf '{"type":"message","session_key":"s","content":"./echo:hi:me:-:hello"}\\n' | wgrok bridge --content`,
  ])
}

async function bridge(io: CliIo, flags: BridgeFlags): Promise<ExitCode> {
  const env = await readEnv(io, flags)
  const url = env[flags.tokenFromEnv]
  if (url === undefined || url === '') throw new WgrokError('config-missing', `${flags.tokenFromEnv} is not set`)
  const { BridgeClient } = await import('../bridge/client.js')
  const proxy = env['WGROK_PROXY']
  const client = new BridgeClient({
    url,
    capabilities: flags.capabilities.split(',').filter(name => name !== ''),
    ...(proxy === undefined || proxy === '' ? {} : { proxy }),
  })
  const failed = new AbortController()
  void follow(client, io, failed)
  const heard = printArrivals(client, io, flags.content === true)
  try {
    await untilInterrupted(io, client.connect())
    const stop = AbortSignal.any([io.interrupted, failed.signal])
    const bad = await Promise.race([sendLines(client, io, stop), aborted(stop).then(() => 0)])
    if (flags.stay === true) await aborted(stop)
    else await silence(heard, flags.quiet * 1000, stop)
    if (failed.signal.aborted) throw failed.signal.reason
    return bad === 0 ? EXIT.ok : EXIT.no
  } finally {
    letGo(io.stdin)
    await client.close()
  }
}

/** A pipe that nobody closes must not keep the process. */
function letGo(stdin: AsyncIterable<Uint8Array>): void {
  if ('destroy' in stdin && typeof stdin.destroy === 'function') stdin.destroy()
}

/** Says on stderr how the connection fares; aborts when there is no hope left. */
async function follow(client: BridgeClient, io: CliIo, failed: AbortController): Promise<void> {
  for await (const status of client.status()) {
    if (status.state === 'live') io.stderr(`joined the bridge as ${client.platform}\n`)
    if (status.state === 'reconnecting') {
      io.stderr(`not connected (${WgrokError.from(status.error).code}), again in ${status.delayMs} ms\n`)
    }
    if (status.state === 'failed') failed.abort(status.error)
  }
}

/** Prints what arrives; returns when the last envelope came. */
function printArrivals(client: BridgeClient, io: CliIo, content: boolean): () => number {
  let last = Date.now()
  const print = (envelope: BridgeEnvelope): void => {
    last = Date.now()
    const text = 'content' in envelope ? envelope.content : undefined
    if (!content) void io.stdout(`${JSON.stringify(envelope)}\n`)
    else if (text !== undefined) void io.stdout(`${io.stdoutIsTerminal ? printable(text) : text}\n`)
  }
  client
    .onMessage(print)
    .onReply(print)
    .onEvent(print)
    .onError(print)
    .onGap(gap => {
      io.stderr(gap === undefined ? 'some envelopes are lost\n' : `envelopes ${gap.from} to ${gap.to} are lost\n`)
    })
  return () => last
}

/** Sends stdin line by line; returns how many lines were none. */
async function sendLines(client: BridgeClient, io: CliIo, signal: AbortSignal): Promise<number> {
  const [{ decodeBridgeReceives }, { explain }] = await Promise.all([
    import('../../generated/stubs.js'),
    import('../validate.js'),
  ])
  let bad = 0
  const refuse = (line: number, why: string): void => {
    bad += 1
    io.stderr(`line ${line}: ${why}\n`)
  }
  try {
    for await (const { number, text } of readLines(io.stdin)) {
      if (text?.trim() === '') continue
      const value = parse(text)
      const decoded = decodeBridgeReceives(value)
      if (decoded.operation === 'invalid') {
        const [first] = explain(decoded.errors, value)
        refuse(number, first === undefined ? 'no envelope' : `${first.pointer} must be ${first.expected}`)
      } else if (decoded.operation === 'unknown' || decoded.operation === 'adapterRegister') {
        refuse(number, 'no message, reply, event or error')
      } else {
        await client.send(decoded.message as Exclude<BridgeEnvelope, BridgeRegister>, { signal })
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return bad
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Resolves when nothing has come for `ms`, or when it is time to stop. */
async function silence(last: () => number, ms: number, stop: AbortSignal): Promise<void> {
  // The end of stdin counts as something, so that an answer has time to come.
  const from = Date.now()
  for (;;) {
    const left = Math.max(last(), from) + ms - Date.now()
    if (left <= 0 || stop.aborted) return
    await Promise.race([aborted(stop), new Promise(resolve => setTimeout(resolve, left))])
  }
}

async function untilInterrupted(io: CliIo, connected: Promise<void>): Promise<void> {
  const interrupted = aborted(io.interrupted).then(() => {
    throw new WgrokError('aborted', 'interrupted before the bridge was reached')
  })
  await Promise.race([connected, interrupted])
}
