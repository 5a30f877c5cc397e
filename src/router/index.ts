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
export {
  type AccountStatus,
  type RouterCounts,
  type RouterOptions,
  type RouterStatus,
  WgrokRouter,
} from './router.js'
