import type { Address } from '../protocol.js'
import type { TransportOptions } from './open.js'

/** One thing that `wgrok doctor` looked at. */
export interface Finding {
  readonly ok: boolean
  readonly what: string
  /** What to do about it. */
  readonly fix?: string
}

/** What every platform's `check` takes. */
export interface DoctorOptions extends Pick<TransportOptions, 'role' | 'proxy' | 'apiUrl' | 'appToken'> {
  /** Route targets to try. */
  readonly targets?: readonly Address[]
  readonly signal?: AbortSignal
}
