import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../src/log.js'
import type { InboundMessage, SendOptions, Transport, TransportStatus } from '../../src/transport/transport.js'
import type { FakeClock } from './fake-clock.js'

/** Polls until `done`; what happens on real sockets has no other sign. */
export async function until(done: () => boolean | undefined, ms = 10_000): Promise<void> {
  const end = Date.now() + ms
  while (done() !== true) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${done}`)
    await sleep(2)
  }
}

/** One line that was logged. */
export interface Line {
  readonly level: string
  readonly msg: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** A logger that keeps its lines, their fields as the real one would show them. */
export function recorder(): Logger & { readonly lines: readonly Line[] } {
  const lines: Line[] = []
  const log =
    (level: string) =>
    (msg: string, fields: Record<string, unknown> = {}): void => {
      lines.push({ level, msg, fields })
    }
  const logger = {
    lines,
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (): Logger => logger,
  }
  return logger
}

/** Listens, and keeps what comes. */
export async function listenTo(transport: Transport): Promise<InboundMessage[]> {
  const heard: InboundMessage[] = []
  await transport.listen(async message => void heard.push(message))
  return heard
}

/** Follows the status from now on. */
export function follow(transport: Transport): TransportStatus[] {
  const seen: TransportStatus[] = []
  void (async () => {
    for await (const status of transport.status()) seen.push(status)
  })()
  return seen
}

/** Options of a send that nobody calls off. */
export function sendOptions(signal: AbortSignal = new AbortController().signal): SendOptions {
  return { signal, idempotencyKey: 'key' }
}

/** Lets fake time pass in steps, with real sockets working in between, until `done`. Returns the time it took in ms. */
export async function pass(clock: FakeClock, done: () => boolean | undefined, step = 100): Promise<number> {
  const start = clock.now()
  for (let turn = 0; turn < 5_000; turn++) {
    for (let wait = 0; wait < 5; wait++) {
      if (done() === true) return clock.now() - start
      await sleep(1)
    }
    await clock.advance(step)
  }
  throw new Error(`not within ${clock.now() - start} ms: ${done}`)
}
