import { parseEcho } from '../../generated/frames.js'
import { ANONYMOUS } from '../frame/slug.js'
import type { Arrival, Outcome } from './arrival.js'
import type { Waiters } from './waiters.js'
import type { Posted, PostResult } from './webhook.js'

/** Runs a posted frame through the pipeline and, where the caller asked for it, waits for the reply. */
export async function postFrame(
  posted: Posted,
  waiters: Waiters,
  take: (arrival: Arrival) => Outcome | Promise<Outcome>,
): Promise<PostResult> {
  const { id, request, waitMs } = posted
  const arrival: Arrival = {
    source: 'webhook',
    id,
    text: request.text,
    cards: request.attachments ?? [],
    sender: { principals: [request.from] },
    conversation: undefined,
    via: undefined,
    mentions: undefined,
  }
  if (waitMs === undefined) return { outcome: await take(arrival) }
  // Before the frame is on its way: its reply may be faster than we are.
  const waiting = waiters.wait(id, replySlug(request.text), waitMs)
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
