import type { Socket } from 'node:net'
import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import type { BotConfig } from '../protocol.js'
import { MemorySpool } from '../spool/memory.js'
import type { Spool } from '../spool/spool.js'

/** What every spool is given. */
export interface SpoolContext {
  readonly logger: Logger
  readonly clock: Clock
  /** Gets whoever connects to the lock of the state directory. */
  readonly onConnection?: (socket: Socket) => void
}

/** The spool that the configuration asks for. Loads the code of that one only. */
export async function openSpool(config: BotConfig, context: SpoolContext): Promise<Spool> {
  const { spoolBytes, stateDir } = config
  if (stateDir === undefined) return new MemorySpool(context)
  const { LmdbSpool } = await import('../spool/lmdb.js')
  return LmdbSpool.open({ dir: stateDir, ...(spoolBytes === undefined ? {} : { maxBytes: spoolBytes }), ...context })
}
