import type { Command } from 'commander'
import { WgrokError } from '../errors.js'
import { type Cli, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import type { CliIo } from './io.js'
import type { Line } from './lines.js'
import { printable } from './text.js'
import type { Judge, Verdict } from './verdict.js'

interface ValidateFlags {
  readonly message?: string
  readonly schema?: string
  readonly list?: boolean
  readonly quiet?: boolean
  readonly json?: boolean
  readonly log?: boolean
  readonly stats?: boolean
}

/** `wgrok validate`: wire messages in, a verdict per line out. */
export function defineValidate(program: Command, cli: Cli): void {
  const command = program
    .command('validate')
    .description('Check wire messages: bridge envelopes by their type and frames, or any message of the spec.')
    .argument('[file]', 'NDJSON, one JSON document, or frames line by line; stdin when absent or -')
    .option('--message <name>', 'hold every document against this message, e.g. BridgeRegister, Echo')
    .option('--schema <name>', 'hold every document against this schema, e.g. SenderConfig')
    .option('--list', 'print the names of all messages and schemas')
    .option('--log', 'the input is a log: judge the frames and envelopes inside its lines, pass over other lines')
    .option('--stats', 'print a summary at the end: how many of what, and why not')
    .option('--quiet', 'print only what is invalid')
    .option('--json', 'one JSON object per verdict: line, name, valid, errors')
    .action(cli.action((file: string | undefined, flags: ValidateFlags) => validate(cli.io, file, flags)))
  withExamples(command, [
    `echo '{"type":"register"}' | wgrok validate --message BridgeRegister`,
    'wgrok validate --quiet traffic.ndjson',
    "echo './echo:deploy:ci:-:start' | wgrok validate",
    'wgrok validate --log --quiet --stats router.log',
  ])
}

async function validate(io: CliIo, file: string | undefined, flags: ValidateFlags): Promise<ExitCode> {
  const verdicts = await import('./verdict.js')
  if (flags.list === true) return list(io, flags, verdicts.schemaNames())
  if (flags.message !== undefined && flags.schema !== undefined) {
    throw new WgrokError('config-invalid', '--message and --schema exclude each other')
  }
  const judge =
    flags.message !== undefined
      ? verdicts.messageJudge(flags.message)
      : flags.schema !== undefined
        ? verdicts.schemaJudge(flags.schema)
        : verdicts.detect
  const [{ documents }, { messagesIn }, { ValidationStats }] = await Promise.all([
    import('./documents.js'),
    import('./log-frames.js'),
    import('./validate-stats.js'),
  ])
  if (flags.log === true && judge !== verdicts.detect) {
    throw new WgrokError('config-invalid', '--log finds out by itself what a message is: no --message, no --schema')
  }
  const stats = new ValidationStats()
  let [seen, invalid] = [0, 0]
  // In a log, every line is for itself.
  for await (const line of documents(await open(io, file), judge.text || flags.log === true)) {
    const found = inLine(line, flags.log === true, judge.text, messagesIn)
    stats.line(found.length)
    seen += 1
    for (const document of found) {
      const verdict = judgeLine(judge, { number: line.number, text: document }, verdicts.unreadable)
      stats.add(verdict)
      if (!verdict.valid) invalid += 1
      if (!verdict.valid || flags.quiet !== true)
        await io.stdout(flags.json === true ? json(line, verdict) : text(line, verdict))
    }
    if (io.interrupted.aborted) return EXIT.interrupted
  }
  if (seen === 0) throw new WgrokError('config-invalid', 'there is nothing to validate: the input is empty')
  if (flags.stats === true) await io.stdout(flags.json === true ? stats.json() : stats.text())
  return invalid === 0 ? EXIT.ok : EXIT.no
}

/** What there is to judge in a line: the line itself; in a log, and in text around a frame, what is inside. */
function inLine(
  { text }: Line,
  log: boolean,
  frames: boolean,
  messagesIn: (line: string) => readonly string[],
): readonly (string | undefined)[] {
  // Half a character somewhere in a log is the log's business.
  if (text === undefined) return log ? [] : [undefined]
  if (log) return messagesIn(text)
  const isPlain = !frames && !/^\s*[{[]/.test(text) && !text.startsWith('./')
  const inside = isPlain ? messagesIn(text) : []
  return inside.length > 0 ? inside : [text]
}

function judgeLine(
  judge: Judge,
  line: Line,
  unreadable: (name: string, expected: string, got: string) => Verdict,
): Verdict {
  return line.text === undefined ? unreadable('document', 'UTF-8', 'bytes that are not') : judge.judge(line.text)
}

function json({ number }: Line, { name, valid, findings }: Verdict): string {
  return `${JSON.stringify({ line: number, name, valid, errors: findings })}\n`
}

function text({ number }: Line, { name, valid, findings }: Verdict): string {
  if (valid) return `line ${number}: ${name} is valid\n`
  const reasons = findings.map(({ pointer, expected, got }) => {
    const place = pointer === '' ? '' : `${printable(pointer)}: `
    return `${place}expected ${expected}${got === undefined ? '' : `, got ${printable(got)}`}`
  })
  return `line ${number}: ${name} is invalid: ${reasons.join('; ')}\n`
}

async function open(io: CliIo, file: string | undefined): Promise<AsyncIterable<Uint8Array>> {
  if (file === undefined || file === '-') {
    if (file === undefined && io.stdinIsTerminal) {
      throw new WgrokError('config-invalid', 'nothing to validate: name a file, or pipe something in')
    }
    return io.stdin
  }
  const [{ open: openFile }, { resolve }] = await Promise.all([import('node:fs/promises'), import('node:path')])
  const unreadable = (cause: NodeJS.ErrnoException): never => {
    throw new WgrokError('config-invalid', `${file} cannot be read (${cause.code})`, { cause })
  }
  const handle = await openFile(resolve(io.cwd, file)).catch(unreadable)
  if ((await handle.stat()).isDirectory()) {
    await handle.close()
    throw new WgrokError('config-invalid', `${file} is a folder`)
  }
  return handle.createReadStream()
}

async function list(io: CliIo, flags: ValidateFlags, schemas: readonly string[]): Promise<ExitCode> {
  const { MESSAGES } = await import('../../generated/messages.js')
  const messages = Object.entries(MESSAGES).map(([name, { contentType, doc }]) => ({ name, contentType, doc }))
  if (flags.json === true) {
    await io.stdout(`${JSON.stringify({ messages, schemas })}\n`)
    return EXIT.ok
  }
  const width = Math.max(...messages.map(({ name }) => name.length))
  await io.stdout(`Messages:\n${messages.map(({ name, doc }) => `  ${name.padEnd(width)}  ${doc}\n`).join('')}`)
  await io.stdout(`\nSchemas:\n${schemas.map(name => `  ${name}\n`).join('')}`)
  return EXIT.ok
}
