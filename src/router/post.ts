import { parseEcho } from '../../generated/frames.js'
import { ANONYMOUS } from '../frame/slug.js'
import type { Arrival, Outcome } from './arrival.js'
import type { Waiters } from './waiters.js'
import type { Posted, PostResult } from './webhook.js'

/**
 * Runs a posted frame through the pipeline and, where the caller asked for it, waits for the reply. Synchronous where
 * there is nothing to wait for.
 */
export function postFrame(
  posted: Posted,
  waiters: Waiters,
  take: (arrival: Arrival) => Outcome | Promise<Outcome>,
): PostResult | Promise<PostResult> {
  const { freshId, id, request, waitMs } = posted
  const arrival: Arrival = {
    source: 'webhook',
    id,
    freshId,
    text: request.text,
    cards: request.attachments ?? [],
    sender: { principals: [request.from] },
    conversation: undefined,
    via: undefined,
    mentions: undefined,
  }
  if (waitMs !== undefined) return takeAndWait(arrival, waitMs, waiters, take)
  const outcome = take(arrival)
  return outcome instanceof Promise ? outcome.then(late => ({ outcome: late })) : { outcome }
}

async function takeAndWait(
  arrival: Arrival,
  waitMs: number,
  waiters: Waiters,
  take: (arrival: Arrival) => Outcome | Promise<Outcome>,
): Promise<PostResult> {
  // Before the frame is on its way: its reply may be faster than we are.
  const waiting = waiters.wait(arrival.id, replySlug(arrival.text), waitMs)
  try {
    const outcome = await take(arrival)
    return outcome.status === 'accepted' ? { outcome, replies: await waiting.reply } : { outcome }
  } finally {
    waiting.cancel()
  }
}

/** Slug that a reply to the frame is addressed to. */
function replySlug(text: string): string | undefined {
  const frame = parseEcho(text)
  return typeof frame === 'string' || frame.from === ANONYMOUS ? undefined : frame.from
}
