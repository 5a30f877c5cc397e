import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { WgrokError } from '../errors.js'
import type { DeadLetter, LaneStats, Spool, SpoolStats } from './spool.js'
import { connectHolder } from './state-lock.js'

/** What can be asked of a spool from outside. */
export type AdminCommand =
  | { readonly cmd: 'status' }
  /** Dead letters, without their content. */
  | { readonly cmd: 'list'; readonly limit?: number }
  /** Dead letters as they are: all, or the one of that id. */
  | { readonly cmd: 'export'; readonly id?: string }
  /** Back into their lanes: all, or the one of that id. */
  | { readonly cmd: 'replay'; readonly id?: string }
  | { readonly cmd: 'drop'; readonly id?: string }

/** Answer to `status`. */
export interface SpoolReport extends Omit<SpoolStats, 'refusing'> {
  readonly spool: Spool['name']
  /** Code of why new messages are refused. */
  readonly refusing: string | null
  readonly lanes_waiting: readonly LaneStats[]
  readonly held: readonly string[]
}

/** One dead letter without its content, for a list. */
export interface LetterSummary {
  readonly id: string
  readonly lane: string
  readonly code: string
  readonly detail: string
  readonly died_at: string
  readonly length: number
}

/** Runs a command; each item of the answer is plain JSON. @throws WgrokError `target-not-found` for an id of no dead letter. */
export async function* runAdmin(spool: Spool, command: AdminCommand): AsyncGenerator<unknown> {
  switch (command.cmd) {
    case 'status':
      return yield await report(spool)
    case 'list':
      for (const letter of await spool.dead(command.limit)) yield summary(letter)
      return
    case 'export':
      return yield* select(await spool.dead(), command.id)
    case 'replay':
      return yield await each(spool, command.id, id => spool.replay(id))
    case 'drop':
      return yield await each(spool, command.id, id => spool.discard(id))
  }
}

/** Answers whoever connects to the lock of the state directory: one line of JSON with the command, lines of JSON back. */
export function serveAdmin(socket: Socket, spool: () => Spool | undefined): void {
  socket.on('error', () => socket.destroy())
  socket.setTimeout(CONNECTION_TIMEOUT, () => socket.destroy())
  const lines = createInterface({ input: socket })
  lines.once('line', async line => {
    const say = (value: unknown): boolean => socket.write(`${JSON.stringify(value)}\n`)
    try {
      const open = spool()
      if (open === undefined) throw new WgrokError('closed', 'the router is not ready yet')
      for await (const item of runAdmin(open, readCommand(line))) say({ item })
      say({ done: true })
    } catch (caught) {
      const error = WgrokError.from(caught)
      say({ error: { code: error.code, detail: error.message.replace(/^\[[^\]]*\] /, '') } })
    }
    socket.end()
  })
}

/**
 * Has the process that uses a state directory run a command.
 *
 * @returns undefined when no process does.
 */
export async function askHolder(dir: string, command: AdminCommand): Promise<AsyncGenerator<unknown> | undefined> {
  const socket = await connectHolder(dir)
  return socket === undefined ? undefined : answers(socket, command)
}

const CONNECTION_TIMEOUT = 60_000

async function* answers(socket: Socket, command: AdminCommand): AsyncGenerator<unknown> {
  socket.on('error', () => {})
  socket.write(`${JSON.stringify(command)}\n`)
  try {
    for await (const line of createInterface({ input: socket })) {
      const answer = JSON.parse(line) as { item?: unknown; done?: true; error?: { code: never; detail: string } }
      if (answer.error !== undefined) throw new WgrokError(answer.error.code, answer.error.detail)
      if (answer.done === true) return
      yield answer.item
    }
  } finally {
    socket.destroy()
  }
  throw new WgrokError('connection-lost', 'the router that uses the state directory hung up')
}

const COMMANDS: ReadonlySet<string> = new Set(['status', 'list', 'export', 'replay', 'drop'])

function readCommand(line: string): AdminCommand {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    value = undefined
  }
  const { cmd, id, limit } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const sane = (id === undefined || typeof id === 'string') && (limit === undefined || Number.isInteger(limit))
  if (typeof cmd === 'string' && COMMANDS.has(cmd) && sane) return value as AdminCommand
  throw new WgrokError('unsupported', 'the command is none that this version knows')
}

async function report(spool: Spool): Promise<SpoolReport> {
  const { refusing, ...stats } = spool.stats()
  return {
    spool: spool.name,
    ...stats,
    refusing: refusing?.code ?? null,
    lanes_waiting: await spool.lanes(),
    held: spool.held(),
  }
}

function summary({ code, detail, diedAt, entry }: DeadLetter): LetterSummary {
  const { id, lane, text } = entry
  return { id, lane, code, detail, died_at: new Date(diedAt).toISOString(), length: text.length }
}

function* select(letters: readonly DeadLetter[], id: string | undefined): Generator<DeadLetter> {
  if (id === undefined) return yield* letters
  const letter = letters.find(({ entry }) => entry.id === id)
  if (letter === undefined) throw notFound()
  yield letter
}

async function each(
  spool: Spool,
  id: string | undefined,
  act: (id: string) => boolean | Promise<boolean>,
): Promise<{ readonly count: number }> {
  if (id !== undefined) {
    if (!(await act(id))) throw notFound()
    return { count: 1 }
  }
  let count = 0
  for (const { entry } of await spool.dead()) if (await act(entry.id)) count++
  return { count }
}

function notFound(): WgrokError {
  return new WgrokError('target-not-found', 'there is no dead letter of that id')
}
