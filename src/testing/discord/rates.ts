import type { Clock } from '../../clock.js'
import type { EmulatedResponse } from '../http-server.js'

/** So many requests in a window. */
export interface Rate {
  readonly limit: number
  readonly windowMs: number
}

/** Rate limits of the emulator; false turns one off. */
export interface Rates {
  /** Messages to one channel. Default 5 in 5 s. */
  readonly message?: Rate | false
  /** All requests of one bot. Default 50 in 1 s. */
  readonly global?: Rate | false
}

type Headers = Readonly<Record<string, string>>

/** Lets a request pass, with headers for its answer, or answers it with 429. */
export type Passage = { readonly headers: Headers } | { readonly refused: EmulatedResponse }

interface Window {
  count: number
  resetAt: number
}

/** Counts requests the way Discord does: in windows that begin with their first request. */
export class RateLimiter {
  readonly #clock: Clock
  readonly #rates: Rates
  readonly #windows = new Map<string, Window>()

  constructor(rates: Rates, clock: Clock) {
    this.#rates = rates
    this.#clock = clock
  }

  /** @param channelId channel that a message goes to; undefined for other requests. */
  pass(token: string, channelId: string | undefined): Passage {
    const { global = { limit: 50, windowMs: 1000 }, message = { limit: 5, windowMs: 5000 } } = this.#rates
    if (global !== false) {
      const window = this.#count(`global ${token}`, global)
      if (window.count > global.limit) return { refused: tooMany('global', window.resetAt - this.#clock.now()) }
    }
    if (message === false || channelId === undefined) return { headers: {} }
    const window = this.#count(`${token} ${channelId}`, message)
    const left = window.resetAt - this.#clock.now()
    const headers = {
      'x-ratelimit-bucket': 'b7c5f1a2d3e4',
      'x-ratelimit-limit': String(message.limit),
      'x-ratelimit-remaining': String(Math.max(0, message.limit - window.count)),
      'x-ratelimit-reset': (window.resetAt / 1000).toFixed(3),
      'x-ratelimit-reset-after': (left / 1000).toFixed(3),
    }
    if (window.count > message.limit) return { refused: tooMany('user', left, headers) }
    return { headers }
  }

  #count(key: string, rate: Rate): Window {
    const now = this.#clock.now()
    let window = this.#windows.get(key)
    if (window === undefined || window.resetAt <= now) {
      window = { count: 0, resetAt: now + rate.windowMs }
      this.#windows.set(key, window)
    }
    window.count++
    return window
  }
}

/** A 429 as Discord words it. */
export function tooMany(scope: 'user' | 'shared' | 'global', leftMs: number, headers: Headers = {}): EmulatedResponse {
  const seconds = leftMs / 1000
  return {
    status: 429,
    headers: {
      ...headers,
      'retry-after': String(Math.ceil(seconds)),
      'x-ratelimit-scope': scope,
      ...(scope === 'global' ? { 'x-ratelimit-global': 'true' } : {}),
    },
    json: {
      message: scope === 'shared' ? 'The resource is being rate limited.' : 'You are being rate limited.',
      retry_after: seconds,
      global: scope === 'global',
    },
  }
}
