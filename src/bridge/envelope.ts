import { ERRORS, type ErrorCode } from '../../generated/errors.js'
import type { BridgeEnvelope, BridgeError, BridgeEvent, BridgeMessage, BridgeReply } from '../../generated/models.js'

/** A `message` without its type, as callers write it. */
export type MessageFields = Omit<BridgeMessage, 'type'>
/** A `reply` without its type, as callers write it. */
export type ReplyFields = Omit<BridgeReply, 'type'>
/** An `event` without type and name, as callers write it. */
export type EventFields = Omit<BridgeEvent, 'type' | 'event'>

/** The name that the server itself uses as `platform`. */
export const SERVER_NAME = 'wgrok'
/** `content` of the reply that confirms a registration. */
export const REGISTERED = 'registered'

/** Writes an envelope as one line of JSON, empty fields left out. */
export function writeEnvelope(envelope: BridgeEnvelope): string {
  // Few have anything to leave out, and a copy costs more than all the rest.
  return JSON.stringify('metadata' in envelope || hasEmpty(envelope) ? lean(envelope) : envelope)
}

function hasEmpty(envelope: BridgeEnvelope): boolean {
  for (const field in envelope) if (isEmpty(envelope[field as keyof BridgeEnvelope])) return true
  return false
}

function lean(envelope: BridgeEnvelope): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(envelope)) {
    const kept = field === 'metadata' ? withoutEmpty(value) : value
    if (!isEmpty(kept)) out[field] = kept
  }
  return out
}

/** The `error` envelope for a refusal: the number as in HTTP, and `code: detail` for people and programs. */
export function errorEnvelope(code: ErrorCode, detail: string, sessionKey?: string): BridgeError {
  return {
    type: 'error',
    code: ERRORS[code].status,
    message: detail === '' ? code : `${code}: ${detail}`,
    ...(sessionKey === undefined ? {} : { session_key: sessionKey }),
  }
}

/** The close code for a refusal: 4000 and the number as in HTTP. The reason of the close is the error code. */
export function closeCode(code: ErrorCode): number {
  return 4000 + ERRORS[code].status
}

/** The session key of anything that came in, if it has one. */
export function sessionKeyOf(value: unknown): string | undefined {
  const key = typeof value === 'object' && value !== null ? (value as { session_key?: unknown }).session_key : undefined
  return typeof key === 'string' && key.length > 0 && key.length <= 512 ? key : undefined
}

function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const kept = Object.entries(value).filter(([, inner]) => !isEmpty(inner))
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
}
