import { parseEcho, parseResponse } from '../../../generated/frames.js'
import { FRAGILE } from '../../../generated/limits.js'
import { isPlatform } from '../../../generated/models.js'
import type { Clock } from '../../clock.js'
import { decodeBase64 } from '../../codec/base64.js'
import { splitPayload } from '../../codec/chunk.js'
import { decode } from '../../codec/decode.js'
import { type Encoded, encode } from '../../codec/encode.js'
import { keyRing } from '../../codec/keys.js'
import { type Drop, Reassembler, type ReassemblyKey } from '../../codec/reassembler.js'
import { open, seal } from '../../codec/seal.js'
import { fromUtf8 } from '../../codec/utf8.js'
import { WgrokError } from '../../errors.js'
import { readFlags } from '../../frame/flags.js'
import { echoFrame, responseFrame } from '../../frame/frame.js'
import type { CompressMode, Frame } from '../../protocol.js'
import { count, records, text, texts } from '../input.js'
import { limitOf } from '../roundtrip.js'
import type { Input, Operation } from '../testee.js'

/** Payload coding, cutting and joining. */
export const CODEC_OPS: Readonly<Record<string, Operation>> = {
  'codec.encode': encodePayload,
  'codec.decode': decodePayload,
  'codec.seal': input => seal(text(input, 'payload'), ringOf(input)),
  'codec.open': openSealed,
  'codec.chunk': chunkText,
  'codec.reassemble': reassemble,
  'codec.receive': receive,
}

function encodePayload(input: Input): Promise<Encoded> {
  const { platform } = input
  const limit = limitOf(input)
  if (limit === undefined) throw new TypeError('case input: neither limit nor platform')
  return encode(text(input, 'payload'), {
    to: text(input, 'to'),
    from: text(input, 'from'),
    limit,
    envelope: input['envelope'] === 'response' ? 'response' : 'echo',
    compress: input['compress'] as CompressMode | undefined,
    compact: input['compact'] === true,
    keys: keyRing(texts(input, 'keys')),
    maxChunks: count(input, 'maxChunks'),
    fragile: isPlatform(platform) ? FRAGILE[platform] : undefined,
  })
}

function decodePayload(input: Input): Promise<string> {
  const maxBytes = count(input, 'maxBytes')
  return decode(text(input, 'payload'), readFlags(text(input, 'flags')), {
    keys: keyRing(texts(input, 'keys')),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  })
}

async function openSealed(input: Input): Promise<string> {
  return await fromUtf8(await open(decodeBase64(text(input, 'text')), ringOf(input)))
}

function ringOf(input: Input): NonNullable<ReturnType<typeof keyRing>> {
  const ring = keyRing(texts(input, 'keys'))
  if (ring === undefined) throw new WgrokError('key-missing', 'the case has no key')
  return ring
}

/** Cuts a text without frames around the parts. */
function chunkText(input: Input): Promise<string[]> {
  const limit = limitOf(input)
  if (limit === undefined) throw new TypeError('case input: neither limit nor platform')
  const maxChunks = count(input, 'maxChunks') ?? Number.MAX_SAFE_INTEGER
  return splitPayload(text(input, 'text'), { limit, maxChunks, format: (_chunk, payload) => payload })
}

const DEFAULT_KEY: ReassemblyKey = {
  platform: 'webex',
  conversation: 'room',
  sender: 'router@example.com',
  to: 'worker',
  from: 'relay',
  compressed: false,
  encrypted: false,
}

/** Feeds steps to a reassembler: chunks `{flags, payload, …key}`, or `{advance: ms}`. */
function reassemble(input: Input): unknown {
  const clock = steppedClock()
  const drops: Drop[] = []
  const joined: string[] = []
  const reassembler = new Reassembler({
    clock,
    maxChunks: count(input, 'maxChunks'),
    maxSets: count(input, 'maxSets'),
    maxSenderBytes: count(input, 'maxSenderBytes'),
    onDrop: drop => drops.push(drop),
  })
  try {
    for (const step of records(input, 'steps')) {
      const advance = count(step, 'advance')
      if (advance === undefined) joined.push(...acceptStep(reassembler, step))
      else clock.advance(advance)
    }
    return { joined, dropped: drops.length, waiting: reassembler.size }
  } finally {
    reassembler.close()
  }
}

function acceptStep(reassembler: Reassembler, step: Input): string[] {
  const { flags, payload, ...key } = step
  const { chunk, compressed, encrypted } = readFlags(String(flags))
  if (chunk === undefined) return [String(payload)]
  const whole = reassembler.accept({ ...DEFAULT_KEY, ...key, compressed, encrypted }, chunk, String(payload))
  return whole === undefined ? [] : [whole]
}

/** A whole receiver without a platform: frames in any order, the payload of the first message that is complete. */
async function receive(input: Input): Promise<string> {
  const reassembler = new Reassembler({ maxChunks: count(input, 'maxChunks') })
  try {
    for (const line of texts(input, 'frames')) {
      const frame = anyFrame(line)
      const flags = readFlags(frame.flags)
      const { compressed, encrypted, chunk } = flags
      const key = { ...DEFAULT_KEY, to: frame.to, from: frame.from, compressed, encrypted }
      const whole = chunk === undefined ? frame.payload : reassembler.accept(key, chunk, frame.payload)
      if (whole !== undefined) return await decode(whole, flags, { keys: keyRing(texts(input, 'keys')) })
    }
    throw new WgrokError('chunk-expired', 'chunks are missing')
  } finally {
    reassembler.close()
  }
}

function anyFrame(line: string): Frame {
  if (typeof parseEcho(line) !== 'string') return echoFrame(line)
  return typeof parseResponse(line) === 'string' ? echoFrame(line) : responseFrame(line)
}

interface SteppedClock extends Clock {
  advance(ms: number): void
}

/** Time that passes when a case says so. */
function steppedClock(): SteppedClock {
  let now = 0
  const timers = new Set<{ readonly at: number; readonly fn: () => void }>()
  return {
    now: () => now,
    elapsed: () => now,
    setTimeout: (fn, ms) => {
      const timer = { at: now + ms, fn }
      timers.add(timer)
      return { cancel: () => timers.delete(timer) }
    },
    advance: ms => {
      now += ms
      for (const timer of timers) {
        if (timer.at > now) continue
        timers.delete(timer)
        timer.fn()
      }
    },
  }
}
