import type { Platform } from '../protocol.js'
import type { LaneStats, Spool, SpoolStats } from '../spool/spool.js'
import type { TransportStatus } from '../transport/transport.js'

/** One account in a {@link RouterStatus}. */
export interface AccountStatus {
  readonly name: string
  readonly platform: Platform
  readonly status: TransportStatus
  /** Milliseconds since 1970; 0 before the first message. */
  readonly lastHeardAt: number
}

/** What a router is doing. */
export interface RouterStatus {
  readonly state: 'idle' | 'starting' | 'live' | 'closing' | 'closed'
  readonly accounts: readonly AccountStatus[]
  readonly spool: SpoolStats & { readonly name: Spool['name'] }
  /** Lanes with something in them. */
  readonly lanes: readonly LaneStats[]
  /** Lanes that are held, empty ones too. */
  readonly held: readonly string[]
  /** Whether everything is held. */
  readonly paused: boolean
  readonly counts: RouterCounts
}

/** Since the start. */
export interface RouterCounts {
  readonly heard: number
  readonly accepted: number
  readonly duplicate: number
  readonly ignored: number
  readonly refused: number
  readonly sent: number
  readonly dead: number
}

/** Answer of `GET /readyz`. */
export interface Readiness {
  readonly ready: boolean
  readonly state: RouterStatus['state']
  readonly accounts: readonly { readonly name: string; readonly state: string; readonly lastHeardAt: number }[]
  readonly spool: {
    readonly messages: number
    readonly bytes: number
    readonly dead: number
    readonly refusing: string | null
  }
}

/** Ready: the router is live, every account is, and the spool takes messages. */
export function readinessOf(status: RouterStatus): Readiness {
  const accounts = status.accounts.map(account => ({
    name: account.name,
    state: account.status.state,
    lastHeardAt: account.lastHeardAt,
  }))
  const { bytes, dead, messages, refusing } = status.spool
  return {
    ready: status.state === 'live' && accounts.every(({ state }) => state === 'live') && refusing === undefined,
    state: status.state,
    accounts,
    spool: { messages, bytes, dead, refusing: refusing?.code ?? null },
  }
}
