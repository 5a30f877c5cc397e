import type { Clock } from '../clock.js'
import type { Logger } from '../log.js'
import type { BotConfig } from '../protocol.js'
import { MemorySpool } from '../spool/memory.js'
import type { Spool } from '../spool/spool.js'

/** What every spool is given. */
export interface SpoolContext {
  readonly logger: Logger
  readonly clock: Clock
}

/** The spool that the configuration asks for. Loads the code of that one only. */
export async function openSpool(config: BotConfig, context: SpoolContext): Promise<Spool> {
  void config
  return new MemorySpool(context)
}
