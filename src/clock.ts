import { LIMITS } from '../generated/limits.js'
import { WgrokError } from './errors.js'

/** A timer that can be called off. */
export interface Timer {
  /** Idempotent; does nothing once the timer has fired. */
  cancel(): void
}

/** Options of {@link Clock.setTimeout}. */
export interface TimerOptions {
  /** Do not keep the process alive for this timer. For housekeeping. Default false. */
  readonly unref?: boolean
}

/** Time, injected, so that tests do not wait. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds since some moment; for spans of time, since nobody sets it. */
  elapsed(): number
  /** Calls `fn` once, `ms` milliseconds from now. */
  setTimeout(fn: () => void, ms: number, options?: TimerOptions): Timer
}

/** Longest delay that Node's timers take; above it they fire at once. */
const TIMER_MAX = 2 ** 31 - 1

/** The clock of the machine. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimeout(fn: () => void, ms: number, options: TimerOptions = {}): Timer {
    const handle = setTimeout(fn, Math.min(ms, TIMER_MAX))
    if (options.unref === true) handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
})

/**
 * Resolves after `ms` milliseconds.
 *
 * @throws WgrokError as soon as `signal` is aborted: its reason when that is one, else `aborted` or `timeout`. The timer
 *   is gone then.
 */
export function delay(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      timer?.cancel()
      reject(WgrokError.from(signal?.reason, 'aborted'))
    }
    let timer: Timer | undefined
    if (signal?.aborted === true) return abort()
    timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/** Options of {@link backoff}. */
export interface BackoffOptions {
  /** How many attempts have failed before; 0 for the first wait. */
  readonly attempt: number
  /** Upper bound of the first wait in ms. Default `LIMITS.backoffBase`. */
  readonly base?: number
  /** Upper bound of any wait in ms. Default `LIMITS.backoffMax`. */
  readonly max?: number
  /** Returns 0 <= x < 1. Default `Math.random`. */
  readonly random?: () => number
}

/** How long to wait before the next attempt, in ms: exponential with full jitter, between 0 and the step's bound. */
export function backoff(options: BackoffOptions): number {
  const { attempt, base = LIMITS.backoffBase, max = LIMITS.backoffMax, random = Math.random } = options
  return Math.floor(random() * Math.min(max, base * 2 ** Math.min(attempt, 52)))
}
