import type { Clock, Timer } from '../../src/clock.js'

/** A clock that stands still until a test moves it. */
export interface FakeClock extends Clock {
  /** Lets `ms` pass. Timers fire in order of time, and what they set off has its turn before the next one does. */
  advance(ms: number): Promise<void>
  /** Timers that have not fired. */
  readonly pending: number
  /** When the next timer is due, in ms from now; undefined without timers. */
  readonly next: number | undefined
}

interface Waiting {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

/** Lets promises and immediates that are ready run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve))
}

/** @param start first value of `now()`, in ms since 1970 */
export function fakeClock(start = 1_700_000_000_000): FakeClock {
  let now = start
  let order = 0
  const waiting = new Set<Waiting>()

  function first(): Waiting | undefined {
    let found: Waiting | undefined
    for (const timer of waiting) {
      if (found === undefined || timer.at < found.at || (timer.at === found.at && timer.order < found.order)) {
        found = timer
      }
    }
    return found
  }

  return {
    now: () => now,
    elapsed: () => now,
    setTimeout(fn: () => void, ms: number): Timer {
      order += 1
      const timer = { at: now + Math.max(0, ms), order, fn }
      waiting.add(timer)
      return { cancel: () => void waiting.delete(timer) }
    },
    async advance(ms: number): Promise<void> {
      const end = now + ms
      await settle()
      for (let timer = first(); timer !== undefined && timer.at <= end; timer = first()) {
        waiting.delete(timer)
        now = timer.at
        timer.fn()
        await settle()
      }
      now = end
    },
    get pending(): number {
      return waiting.size
    },
    get next(): number | undefined {
      const timer = first()
      return timer === undefined ? undefined : timer.at - now
    },
  }
}
