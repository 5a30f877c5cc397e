import type { Command } from 'commander'
import { WgrokError } from '../errors.js'
import { silent } from '../log.js'
import type { AdminCommand, LetterSummary, SpoolReport } from '../spool/admin.js'
import type { DeadLetter } from '../spool/spool.js'
import { type Cli, type EnvOptions, numberOption, readEnv, withEnvFile, withExamples } from './command.js'
import { EXIT, type ExitCode } from './exit.js'
import { printable } from './text.js'

interface SpoolFlags extends EnvOptions {
  readonly stateDir?: string
  readonly json?: boolean
}

interface WhichFlags extends SpoolFlags {
  readonly all?: boolean
}

/** `wgrok spool`: what waits in a state directory, and its dead letters. */
export function defineSpool(program: Command, cli: Cli): void {
  const spool = program
    .command('spool')
    .description(
      'Look at what waits in WGROK_STATE_DIR, and at dead letters. Works while a router runs and without one.',
    )
  const define = (name: string, about: string): Command =>
    withEnvFile(spool.command(name))
      .description(about)
      .option('--state-dir <folder>', 'state directory; better left to WGROK_STATE_DIR')
      .option('--json', 'print JSON, one object per line')
  define('status', 'Count what waits, what is held and what died.').action(
    cli.action((flags: SpoolFlags) => run(cli, flags, { cmd: 'status' }, item => statusText(item as SpoolReport))),
  )
  define('list', 'List dead letters, oldest first, without their content.')
    .option('--limit <n>', 'at most so many', numberOption('limit', 1, 1_000_000))
    .action(
      cli.action((flags: SpoolFlags & { readonly limit?: number }) => {
        const limit = flags.limit === undefined ? {} : { limit: flags.limit }
        return run(cli, flags, { cmd: 'list', ...limit }, item => letterLine(item as LetterSummary))
      }),
    )
  define('show', 'Print one dead letter, content included.')
    .argument('<id>', 'id of the dead letter, as the list shows it')
    .action(cli.action((id: string, flags: SpoolFlags) => run(cli, flags, { cmd: 'export', id }, letterText)))
  for (const [name, about] of [
    ['replay', 'Put a dead letter back at the end of its lane.'],
    ['drop', 'Delete a dead letter.'],
  ] as const) {
    define(name, about)
      .argument('[id]', 'id of the dead letter, as the list shows it')
      .option('--all', 'all of them')
      .action(
        cli.action((id: string | undefined, flags: WhichFlags) => {
          if ((id === undefined) !== (flags.all === true)) {
            throw new WgrokError('config-invalid', 'say either an id or --all')
          }
          const which = id === undefined ? {} : { id }
          return run(cli, flags, { cmd: name, ...which }, item => `${(item as { count: number }).count}\n`)
        }),
      )
  }
  define('export', 'Print all dead letters as JSON, one per line, content included.').action(
    cli.action((flags: SpoolFlags) => run(cli, { ...flags, json: true }, { cmd: 'export' }, letterText)),
  )
  withExamples(spool, [
    'wgrok spool status --env-file router.env',
    'WGROK_STATE_DIR=/var/lib/wgrok wgrok spool list --limit 20',
    'wgrok spool replay --all',
    'wgrok spool export > dead.ndjson',
  ])
}

async function run(
  { io }: Cli,
  flags: SpoolFlags,
  command: AdminCommand,
  text: (item: unknown) => string,
): Promise<ExitCode> {
  const env = await readEnv(io, flags)
  const items = await answer(env, flags.stateDir, command)
  for await (const item of items) {
    const plain = flags.json === true ? `${JSON.stringify(item)}\n` : text(item)
    await io.stdout(io.stdoutIsTerminal ? plain.split('\n').map(printable).join('\n') : plain)
  }
  return EXIT.ok
}

/** From the router that uses the directory, else from the directory itself. */
async function answer(
  env: Readonly<Record<string, string | undefined>>,
  stateDir: string | undefined,
  command: AdminCommand,
): Promise<AsyncIterable<unknown>> {
  const [{ askHolder, runAdmin }, { existsSync }, { resolve }] = await Promise.all([
    import('../spool/admin.js'),
    import('node:fs'),
    import('node:path'),
  ])
  const dir = stateDir ?? env['WGROK_STATE_DIR']?.trim() ?? ''
  if (dir === '') throw new WgrokError('config-missing', 'WGROK_STATE_DIR is not set, and there is no --state-dir')
  const folder = resolve(dir)
  if (!existsSync(folder)) throw new WgrokError('config-invalid', 'WGROK_STATE_DIR: there is no such folder')
  const asked = await askHolder(folder, command)
  if (asked !== undefined) return asked
  const { LmdbSpool } = await import('../spool/lmdb.js')
  const spool = await LmdbSpool.open({ dir: folder, logger: silent })
  return (async function* () {
    try {
      yield* runAdmin(spool, command)
    } finally {
      await spool.close()
    }
  })()
}

function statusText(report: SpoolReport): string {
  const { bytes, dead, held, lanes_waiting: lanes, messages, refusing, spool } = report
  const lines = [
    `${spool}: ${messages} waiting (${bytes} bytes) in ${lanes.length} lanes, ${dead} dead letters`,
    ...(refusing === null ? [] : [`new messages are refused: ${refusing}`]),
    ...lanes.map(lane => `  ${lane.messages}\t${lane.lane}${lane.held ? '\theld' : ''}`),
    ...held.filter(name => lanes.every(({ lane }) => lane !== name)).map(name => `  0\t${name}\theld`),
  ]
  return `${lines.join('\n')}\n`
}

function letterLine({ code, died_at, id, lane, length }: LetterSummary): string {
  return `${died_at}  ${code}  ${lane}  ${length} characters  ${id}\n`
}

function letterText(item: unknown): string {
  const { code, detail, diedAt, entry } = item as DeadLetter
  const { acceptedAt, id, lane, text } = entry
  const head = {
    id,
    lane,
    accepted: new Date(acceptedAt).toISOString(),
    died: new Date(diedAt).toISOString(),
    code,
    detail,
  }
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}`)
  return `${lines.join('\n')}\n\n${text}\n`
}
