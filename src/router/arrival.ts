import type { Identity } from '../access/identity.js'
import type { WgrokError } from '../errors.js'
import type { Address, Card, Platform } from '../protocol.js'
import type { InboundMessage } from '../transport/transport.js'

/** A message that reached the router, from a platform or over the webhook. */
export interface Arrival {
  readonly source: Platform | 'webhook'
  /** Unique together with {@link source}. */
  readonly id: string
  /** See {@link InboundMessage.freshId}. */
  readonly freshId?: boolean | undefined
  readonly text: string
  readonly cards: readonly Card[]
  readonly sender: Identity
  /** Where an answer goes. A webhook caller has no conversation. */
  readonly conversation: Address | undefined
  /** Account that heard it; see `SpoolEntry.via`. */
  readonly via: string | undefined
  readonly mentions: readonly string[] | undefined
}

/** What the router did with an arrival. */
export type Outcome =
  /** It is in the lane of its destination; with a durable spool, on disk. */
  | { readonly status: 'accepted' }
  /** Seen before. */
  | { readonly status: 'duplicate' }
  /** Nothing to relay: a control command, a reserved verb, chat between people. */
  | { readonly status: 'ignored' }
  /** `again`: the reason is the router's own and passes; the same message may be accepted later. */
  | { readonly status: 'refused'; readonly error: WgrokError; readonly again: boolean }

export const ACCEPTED: Outcome = Object.freeze({ status: 'accepted' })
export const DUPLICATE: Outcome = Object.freeze({ status: 'duplicate' })
export const IGNORED: Outcome = Object.freeze({ status: 'ignored' })

/** An arrival from what a transport heard; `via` names the account. */
export function arrivalOf(message: InboundMessage, via: string): Arrival {
  return {
    source: message.platform,
    id: message.id,
    freshId: message.freshId,
    text: message.text,
    cards: message.cards,
    sender: message.sender,
    conversation: message.conversation,
    via,
    mentions: message.mentions,
  }
}

/**
 * The sender as an address, where the platform's identity tells one: a registered agent may be known by it rather than
 * by the room that it speaks in.
 */
export function senderAddress(arrival: Arrival): Address | undefined {
  for (const principal of arrival.sender.principals) {
    const address = personalAddress(arrival.source, principal)
    if (address !== undefined) return address
  }
  return undefined
}

function personalAddress(source: Arrival['source'], principal: string): Address | undefined {
  if (source === 'webex')
    return principal.includes('@') ? { platform: 'webex', kind: 'email', id: principal } : undefined
  if (source === 'slack') {
    const user = /^([UW][A-Z0-9]+)@/.exec(principal)?.[1]
    return user === undefined ? undefined : { platform: 'slack', kind: 'user', id: user }
  }
  if (source === 'discord') {
    const user = /^([0-9]+)@(?:bot\.)?discord$/.exec(principal)?.[1]
    return user === undefined ? undefined : { platform: 'discord', kind: 'user', id: user }
  }
  if (source === 'irc') {
    const nick = /^([^!@]+)!/.exec(principal)?.[1]
    return nick === undefined ? undefined : { platform: 'irc', kind: 'nick', id: nick }
  }
  return undefined
}
