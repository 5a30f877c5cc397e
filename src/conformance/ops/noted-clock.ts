import type { Clock } from '../../clock.js'

/** A clock on which every wait is over at once, and written down. */
export function notedClock(waits: number[]): Clock {
  return {
    now: () => 0,
    elapsed: () => 0,
    setTimeout: (fn, ms) => {
      waits.push(ms)
      queueMicrotask(fn)
      return { cancel: () => {} }
    },
  }
}
