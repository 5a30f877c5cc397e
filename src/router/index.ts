export { MemorySpool, type MemorySpoolOptions } from '../spool/memory.js'
export type {
  Appended,
  DeadLetter,
  DeathCause,
  Delivery,
  LaneStats,
  Spool,
  SpoolEntry,
  SpoolStats,
} from '../spool/spool.js'
export { type ReloadableConfig, type RouterOptions, WgrokRouter } from './router.js'
export type { AccountStatus, RouterCounts, RouterStatus } from './status.js'
