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

/**
 * The spool that the configuration asks for: in memory, on disk, or shared by NATS with one of the two in front. Loads the
 * code of that one only.
 */
export async function openSpool(config: BotConfig, context: SpoolContext): Promise<Spool> {
  const { natsUrl, spoolBytes, stateDir } = config
  const size = spoolBytes === undefined ? {} : { maxBytes: spoolBytes }
  const local = await openLocal(stateDir, { ...size, ...context }, natsUrl !== undefined)
  if (natsUrl === undefined) return local
  const { NatsSpool } = await import('../spool/nats.js')
  try {
    return await NatsSpool.open({ url: natsUrl, front: local, ...size, ...context })
  } catch (error) {
    await local.close()
    throw error
  }
}

async function openLocal(
  dir: string | undefined,
  options: SpoolContext & { readonly maxBytes?: number },
  isFront: boolean,
): Promise<Spool> {
  if (dir === undefined) {
    // In front of NATS nothing may be dropped: who sent it still waits for our word.
    return new MemorySpool(isFront ? { ...options, laneMax: Number.POSITIVE_INFINITY } : options)
  }
  const { LmdbSpool } = await import('../spool/lmdb.js')
  return LmdbSpool.open({ dir, ...options })
}
