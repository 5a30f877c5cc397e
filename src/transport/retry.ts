import { LIMITS } from '../../generated/limits.js'
import { backoff, type Clock, delay, systemClock } from '../clock.js'
import { WgrokError } from '../errors.js'

/** Options of {@link retry}. */
export interface RetryOptions {
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly random?: () => number
  /** Retries after the first attempt. Default `LIMITS.retryMax`. */
  readonly max?: number
}

/**
 * Calls `attempt` until it succeeds, fails for good, or has been retried `max` times.
 *
 * Only a retryable `WgrokError` is tried again: after the time that the platform asked for where it asked, else with
 * exponential backoff and full jitter.
 */
export async function retry<T>(attempt: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { signal, clock = systemClock, random = Math.random, max = LIMITS.retryMax } = options
  for (let failed = 0; ; failed++) {
    try {
      return await attempt()
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (!error.retryable || failed >= max) throw error
      await delay(waitFor(error, failed, random), signal, clock)
    }
  }
}

/** How long to wait after `error`, in ms: what the platform asked for, capped, else the next step of the backoff. */
export function waitFor(error: WgrokError, attempt: number, random: () => number): number {
  if (error.retryAfterMs === undefined) return backoff({ attempt, random })
  return Math.min(error.retryAfterMs, LIMITS.retryAfterMax)
}
