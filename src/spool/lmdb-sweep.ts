import { LIMITS } from '../../generated/limits.js'
import type { Clock, Timer } from '../clock.js'
import type { Logger } from '../log.js'
import { readDone } from './lmdb-pack.js'
import type { LmdbStore } from './lmdb-store.js'

const INTERVAL = 10_000
/** Ids forgotten in one transaction, so that a sweep does not hold up what comes in. */
const MAX = 2_000

/** Forgets ids of what has left when they have had their time or are too many. */
export class LmdbSweep {
  /** Ids of what has left that are on disk. */
  count = 0
  readonly #store: LmdbStore
  readonly #ttl: number
  readonly #clock: Clock
  readonly #logger: Logger
  #timer: Timer | undefined
  #stopped = false

  constructor(store: LmdbStore, ttl: number, clock: Clock, logger: Logger) {
    this.#store = store
    this.#ttl = ttl
    this.#clock = clock
    this.#logger = logger
  }

  /** Sweeps, and goes on doing so until it is stopped. */
  run(): void {
    const keys = this.#old()
    if (keys.length === 0 || this.#store.failure !== undefined) {
      this.#next(INTERVAL)
      return
    }
    const { done } = this.#store
    const change = (): unknown => keys.map(key => done.remove(key)).at(-1)
    this.#store.write(change, 0).then(
      () => {
        this.count -= keys.length
        this.#next(keys.length === MAX ? 0 : INTERVAL)
      },
      error => {
        this.#logger.error('old ids could not be forgotten', { error })
        this.#next(INTERVAL)
      },
    )
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** Keys of the oldest, those that can go. */
  #old(): readonly number[] {
    const before = this.#clock.now() - this.#ttl
    const keys: number[] = []
    for (const { key, value } of this.#store.done.getRange({ limit: MAX })) {
      if (readDone(value).time > before && this.count - keys.length <= LIMITS.dedupeMax) break
      keys.push(key as number)
    }
    return keys
  }

  #next(wait: number): void {
    if (!this.#stopped) this.#timer = this.#clock.setTimeout(() => this.run(), wait, { unref: true })
  }
}
