import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'

/** A signal for one piece of work. */
export interface Scope {
  readonly signal: AbortSignal
  /** Takes listeners and timer away. Must be called when the work has ended. */
  release(): void
}

/**
 * A signal that aborts when one of `parents` does or when the time is up, then with a `timeout` error.
 *
 * Used instead of `AbortSignal.any` and `AbortSignal.timeout`: those leave something behind on a parent that outlives
 * the work, and do not know an injected clock.
 */
export function openScope(
  parents: readonly (AbortSignal | undefined)[],
  limit?: { readonly ms: number; readonly clock: Clock; readonly what: string },
): Scope {
  const controller = new AbortController()
  const watched = parents.filter(parent => parent !== undefined)
  const abort = (event: Event): void => controller.abort((event.target as AbortSignal).reason)
  let timer: Timer | undefined
  for (const parent of watched) {
    if (parent.aborted) controller.abort(parent.reason)
    else parent.addEventListener('abort', abort, { once: true })
  }
  if (limit !== undefined) {
    const { ms, clock, what } = limit
    timer = clock.setTimeout(() => controller.abort(new WgrokError('timeout', `${what} took longer than ${ms} ms`)), ms)
  }
  return {
    signal: controller.signal,
    release(): void {
      timer?.cancel()
      for (const parent of watched) parent.removeEventListener('abort', abort)
    },
  }
}

/** What to throw for an aborted signal: its reason when that is an error of ours, else `aborted`. */
export function abortError(signal: AbortSignal): WgrokError {
  const reason: unknown = signal.reason
  if (reason instanceof WgrokError) return reason
  return new WgrokError('aborted', 'the caller gave up', { cause: reason })
}

/** Rejects as soon as `signal` is aborted, even while `promise` still waits for its turn. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) return reject(abortError(signal))
    const abort = (): void => reject(abortError(signal))
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Resolves when `signal` is aborted. For a race with something that ends anyway. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
