import { WgrokError } from '../errors.js'
import type { Address, Platform } from '../protocol.js'
import type { TransportOptions } from './open.js'

/** One thing that `wgrok doctor` looked at. */
export interface Finding {
  readonly ok: boolean
  readonly what: string
  /** What to do about it. */
  readonly fix?: string
}

/** What every platform's `check` takes. */
export interface DoctorOptions extends Pick<TransportOptions, 'role' | 'proxy' | 'apiUrl' | 'catalogUrl' | 'appToken'> {
  /** Whether the account has to hear anything over a connection of its own. Default true. */
  readonly listens?: boolean
  /** Discord's key that interactions are checked with, to compare with the application's. */
  readonly publicKey?: string
  /** Route targets to try. */
  readonly targets?: readonly Address[]
  readonly signal?: AbortSignal
}

/** What every platform folder exports as `check`. It changes nothing and sends nothing; it never throws. */
export type Check = (token: string, options: DoctorOptions) => AsyncIterable<Finding>

/** One entry per platform; its code is loaded when it is first used. */
const CHECK_LOADERS: Readonly<Record<Platform, () => Promise<Check>>> = {
  bridge: async () => (await import('./bridge/doctor.js')).check,
  discord: async () => (await import('./discord/doctor.js')).check,
  irc: async () => (await import('./irc/doctor.js')).check,
  slack: async () => (await import('./slack/doctor.js')).check,
  webex: async () => (await import('./webex/doctor.js')).check,
}

/** Looks at one account. */
export async function* checkAccount(platform: Platform, token: string, options: DoctorOptions): AsyncIterable<Finding> {
  const check = await CHECK_LOADERS[platform]()
  yield* check(token, options)
}

/** A finding of something that went wrong. @param fixes what to do, by code; `otherwise` where none is listed */
export function failed(what: string, caught: unknown, fixes: Fixes): Finding {
  const error = WgrokError.from(caught)
  return { ok: false, what: `${what}: ${error.message}`, fix: fixes[error.code] ?? fixes.otherwise }
}

/** What to do about an error, by its code. */
export type Fixes = Readonly<Partial<Record<WgrokError['code'], string>> & { readonly otherwise: string }>
