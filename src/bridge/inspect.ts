import type { BridgeEvent, BridgeMessage, BridgeReply } from '../../generated/models.js'

/** What an inspection hook looks at. */
export interface Inspected {
  /** The platform name that the connection registered. */
  readonly platform: string
  readonly envelope: BridgeMessage | BridgeReply | BridgeEvent
}

/** Pass it on, refuse it, or pass on other content in its place. */
export type Verdict = 'pass' | 'refuse' | { readonly content: string }

/** Sees everything that an adapter sends before anybody else does. What throws refuses. */
export type Inspect = (inspected: Inspected) => Verdict | Promise<Verdict>

/** Passes everything. */
export const passAll: Inspect = () => 'pass'
