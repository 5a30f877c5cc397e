import { parseEcho } from '../../../generated/frames.js'
import { isPlatform } from '../../../generated/models.js'
import { compileAllowlist } from '../../access/allowlist.js'
import { Dedupe } from '../../bus/dedupe.js'
import { WgrokReceiver } from '../../bus/receiver.js'
import { WgrokSender } from '../../bus/sender.js'
import { decode } from '../../codec/decode.js'
import { keyRing } from '../../codec/keys.js'
import { readFlags } from '../../frame/flags.js'
import { fits } from '../../frame/measure.js'
import { silent } from '../../log.js'
import type { Address, Card, Platform, ReceiverConfig, SenderConfig, SendResult } from '../../protocol.js'
import type { Arrival, Outcome } from '../../router/arrival.js'
import { Inboxes } from '../../router/inboxes.js'
import { Pipeline } from '../../router/pipeline.js'
import { Registry } from '../../router/registry.js'
import { formatAddress, parseAddress } from '../../transport/address.js'
import type { InboundMessage } from '../../transport/transport.js'
import { count, record, records, texts } from '../input.js'
import { RecordingTransport, SteppedClock } from '../stage.js'
import type { Input, Operation } from '../testee.js'

/** Sender, receiver and router as a whole, on platforms that exist in memory only. */
export const BUS_OPS: Readonly<Record<string, Operation>> = {
  'sender.send': send,
  'receiver.receive': receive,
  'router.route': route,
}

/**
 * Runs a sender through steps: `{payload, to?, from?, compress?, cards?}`, `{pause: true}` or `{resume: true}`.
 *
 * Answers with `wire` (every text in order), `trains` (each payload as a reader of the wire finds it) and `results`
 * (whether each send was held, and its number of frames).
 */
async function send(input: Input): Promise<unknown> {
  const platform = platformOf(input['platform'])
  const transport = new RecordingTransport(platform)
  const config = { token: 'token', platform, target: TARGETS[platform], ...record(input, 'config') } as SenderConfig
  const sender = new WgrokSender(config, { transport, logger: silent, clock: new SteppedClock() })
  const results: unknown[] = []
  try {
    for (const step of records(input, 'steps')) {
      if (step['pause'] === true) sender.pause()
      else if (step['resume'] === true) results.push(...(await sender.resume()).map(resultOf))
      else results.push(resultOf(await sendStep(sender, step)))
    }
  } finally {
    await sender.close()
  }
  const keys = keyRing(config.encryptKeys ?? [])
  const wire = transport.sent.map(({ text }) => text)
  return { wire, results, trains: await readTrains(transport, keys === undefined ? {} : { keys }) }
}

/**
 * Feeds messages `{text, id?, sender?, room?, cards?}` or `{advance: ms}` to a receiver.
 *
 * Answers with what the handler got and the codes of what was rejected, both in order.
 */
async function receive(input: Input): Promise<unknown> {
  const clock = new SteppedClock()
  const transport = new RecordingTransport('webex')
  const delivered: unknown[] = []
  const rejected: string[] = []
  const config = { token: 'token', platform: 'webex', ...record(input, 'config') } as ReceiverConfig
  const receiver = new WgrokReceiver(
    config,
    (slug, payload, cards, from) =>
      void delivered.push({ slug, payload, from, ...(cards.length > 0 ? { cards } : {}) }),
    { transport, logger: silent, clock, onError: error => void rejected.push(error.code) },
  )
  await receiver.listen()
  try {
    for (const [index, step] of records(input, 'messages').entries()) {
      const advance = count(step, 'advance')
      if (advance === undefined) await transport.hear(messageOf(step, index))
      else clock.advance(advance)
    }
  } finally {
    await receiver.close()
  }
  return { delivered, rejected }
}

/**
 * Feeds messages `{text, platform?, id?, sender?, room?}`, posted ones `{text, post: sender}` or `{advance: ms}` to a router.
 *
 * Answers with what it would send, in order and as far as the lane is not held, and with what became of each message.
 */
async function route(input: Input): Promise<unknown> {
  const { domains = [], routes = {} } = record(input, 'config') as {
    domains?: string[]
    routes?: Record<string, string>
  }
  const clock = new SteppedClock()
  const accounts = new Set(texts(input, 'platforms'))
  const sent: { to: string; text: string }[] = []
  const waiting: { lane: string; to: Address; text: string }[] = []
  const held = new Set<string>()
  const flush = (): void => {
    for (const entry of waiting.splice(0)) {
      if (held.has(entry.lane)) waiting.push(entry)
      else sent.push({ to: formatAddress(entry.to), text: entry.text })
    }
  }
  const pipeline = new Pipeline({
    rules: { allowlist: compileAllowlist(domains), registry: new Registry(routes), apps: new Set() },
    dedupe: new Dedupe({ clock }),
    inboxes: new Inboxes(clock),
    clock,
    logger: silent,
    accept: ({ lane, text, to }) => {
      if (to !== undefined) waiting.push({ lane, to, text })
      flush()
      return 'accepted'
    },
    hold: (lane, hold) => {
      if (hold) held.add(lane)
      else held.delete(lane)
      flush()
    },
    callerAddress: id => (accounts.has('webex') ? { platform: 'webex', kind: 'email', id } : undefined),
  })
  const outcomes: string[] = []
  for (const [index, step] of records(input, 'messages').entries()) {
    const advance = count(step, 'advance')
    if (advance === undefined) outcomes.push(outcomeText(await pipeline.take(arrivalFrom(step, index))))
    else clock.advance(advance)
  }
  return { sent, outcomes, held: [...held].sort() }
}

const TARGETS: Readonly<Record<Platform, string>> = {
  webex: 'router@example.com',
  slack: 'C0123',
  discord: 'channel:1234',
  irc: '#wgrok',
  bridge: 'wgrok',
}

function sendStep(sender: WgrokSender, step: Input): Promise<SendResult> {
  const { payload, cards, ...options } = step
  return sender.send(String(payload), cards === undefined ? options : { ...options, card: cards as Card[] })
}

function resultOf(result: SendResult): unknown {
  return { buffered: result.buffered, frames: result.messageIds.length }
}

interface Train {
  readonly to: string
  readonly from: string
  readonly flags: string
  readonly frames: number
  readonly payload: string
  readonly fits: boolean
}

/** Frames in the order of the wire, one train after the other: a train that is mixed into another one is a fault. */
async function readTrains(transport: RecordingTransport, keys: Parameters<typeof decode>[2]): Promise<Train[]> {
  const trains: Train[] = []
  let parts: string[] = []
  for (const { text } of transport.sent) {
    const frame = parseEcho(text)
    if (typeof frame === 'string') throw new TypeError(`the sender wrote no echo frame: ${frame}`)
    const { chunk, ...flags } = readFlags(frame.flags)
    if (chunk !== undefined && chunk.index !== parts.length + 1) throw new TypeError('trains are mixed')
    parts.push(frame.payload)
    if (chunk !== undefined && chunk.index < chunk.total) continue
    const payload = await decode(parts.join(''), flags, keys)
    const letters = frame.flags.replace(/[0-9/]/g, '')
    const inLimit = transport.sent.every(message => fits(message.text, transport.limit))
    trains.push({ to: frame.to, from: frame.from, flags: letters || '-', frames: parts.length, payload, fits: inLimit })
    parts = []
  }
  return trains
}

function messageOf(step: Input, index: number): InboundMessage {
  const platform = platformOf(step['platform'])
  const { cards = [], id = `m-${index}`, mentions, room, sender = 'router@example.com', text } = step
  return {
    platform,
    id: String(id),
    text: String(text),
    cards: cards as Card[],
    sender: { principals: Array.isArray(sender) ? sender : [String(sender)] },
    conversation: parseAddress(String(room ?? ROOMS[platform]), platform),
    ...(mentions === undefined ? {} : { mentions: mentions as string[] }),
  }
}

const ROOMS: Readonly<Record<Platform, string>> = {
  webex: 'room:room-1',
  slack: 'C0ROOM',
  discord: 'channel:77',
  irc: '#room',
  bridge: 'agents',
}

function arrivalFrom(step: Input, index: number): Arrival {
  const { post } = step
  const { platform, ...message } = messageOf(step, index)
  const { mentions } = message
  if (post === undefined) return { ...message, source: platform, via: undefined, mentions }
  const sender = { principals: [String(post)] }
  return { ...message, source: 'webhook', sender, conversation: undefined, via: undefined, mentions }
}

function outcomeText(outcome: Outcome): string {
  return outcome.status === 'refused' ? outcome.error.code : outcome.status
}

function platformOf(value: unknown): Platform {
  if (value === undefined) return 'webex'
  if (typeof value === 'string' && isPlatform(value)) return value
  throw new TypeError('case input: platform is none')
}
