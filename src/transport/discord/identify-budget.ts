import type { DiscordGatewayBot } from '../../../generated/models.js'
import type { Clock } from '../../clock.js'

const WINDOW = 5_000

/**
 * Keeps to the number of sessions that a bot may start: so many in five seconds, and about a thousand a day, beyond
 * which Discord takes the token away.
 */
export class IdentifyBudget {
  readonly #clock: Clock
  readonly #started: number[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How long to wait before the next session may be started, in ms. `asked`: ask for the budget anew after that. */
  wait(gateway: DiscordGatewayBot): { readonly ms: number; readonly askAgain: boolean } {
    const limit = gateway.session_start_limit
    if (limit !== undefined && limit.remaining <= 0) return { ms: Math.max(limit.reset_after, 1_000), askAgain: true }
    const now = this.#clock.now()
    while (this.#started[0] !== undefined && this.#started[0] + WINDOW <= now) this.#started.shift()
    const first = this.#started[this.#started.length - Math.max(1, limit?.max_concurrency ?? 1)]
    return { ms: first === undefined ? 0 : first + WINDOW - now, askAgain: false }
  }

  /** A session is being started. */
  started(): void {
    this.#started.push(this.#clock.now())
  }
}
