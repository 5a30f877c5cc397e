import type { RawSchema } from '../ir.js'
import type { Changes, Levels, Side } from './change.js'

/** Fewer values than before: breaks whoever still writes the others. */
export const NARROWER: Levels = { receive: 'major', send: 'minor', api: 'minor' }
/** More values than before: breaks whoever reads and knows only the old ones. */
export const WIDER: Levels = { receive: 'minor', send: 'major', api: 'minor' }
/** Neither contains the other. */
export const DIFFERENT: Levels = { receive: 'major', send: 'major', api: 'major' }

/** A schema of one of the two specs, with its place. */
export interface Placed {
  readonly schema: RawSchema
  readonly pointer: string
}

/** What a comparison of schemas needs beside the two schemas. */
export interface SchemaContext {
  readonly changes: Changes
  readonly side: Side
  /** The schema behind a `$ref` of the old and of the new spec. */
  readonly before: (ref: string) => RawSchema | undefined
  readonly after: (ref: string) => RawSchema | undefined
  /** Pairs that are being compared: recursion ends there. */
  readonly open: Set<string>
}

/** A value in a reason. Long ones are cut. */
export function text(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = JSON.stringify(value)
  return `\`${json.length > 60 ? `${json.slice(0, 59)}…` : json}\``
}
