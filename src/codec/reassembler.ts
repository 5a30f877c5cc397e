import { LIMITS } from '../../generated/limits.js'
import { type Clock, systemClock, type Timer } from '../clock.js'
import { type ErrorCode, WgrokError } from '../errors.js'
import type { ChunkPosition, Platform } from '../protocol.js'
import { Lane, type ReassemblyKey } from './lane.js'

export type { ReassemblyKey } from './lane.js'

/** An incomplete set of chunks that was given up. */
export interface Drop {
  /** `chunk-expired` after the TTL, `chunk-limit` to make room. */
  readonly code: ErrorCode
  readonly platform: Platform
  readonly conversation: string
  readonly sender: string
  readonly to: string
  readonly from: string
  /** How many of how many chunks were there. */
  readonly received: number
  readonly total: number
}

/** Options of {@link Reassembler}. */
export interface ReassemblerOptions {
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
  /** Largest M. Default `LIMITS.chunksMax`. */
  readonly maxChunks?: number | undefined
  /** Incomplete sets per sender. Default `LIMITS.reassemblySetsPerSender`. */
  readonly maxSets?: number | undefined
  /** UTF-8 bytes in incomplete sets of one sender. Default `LIMITS.reassemblyBytesPerSender`. */
  readonly maxSenderBytes?: number | undefined
  /** UTF-8 bytes in all incomplete sets. Default `LIMITS.reassemblyBytes`. */
  readonly maxBytes?: number | undefined
  /** In ms after the last chunk of a set. Default `LIMITS.reassemblyTtl`. */
  readonly ttl?: number | undefined
  /** Hears of every set that is given up. */
  readonly onDrop?: ((drop: Drop) => void) | undefined
}

interface Sender {
  /** In the order in which they were opened. */
  readonly lanes: Set<Lane>
  bytes: number
}

/**
 * Puts chunks together again.
 *
 * Chunks with the same key and the same M normally belong to one payload. When a number comes twice with different
 * text, a second lane opens, so that two trains do not mix; see {@link Reassembler.accept} for who gets what.
 */
export class Reassembler {
  readonly #clock: Clock
  readonly #maxChunks: number
  readonly #maxSets: number
  readonly #maxSenderBytes: number
  readonly #maxBytes: number
  readonly #ttl: number
  readonly #onDrop: (drop: Drop) => void
  readonly #trains = new Map<string, Lane[]>()
  readonly #senders = new Map<string, Sender>()
  /** All lanes, the one that has waited longest first. */
  readonly #byAge = new Set<Lane>()
  #bytes = 0
  #count = 0
  #timer: Timer | undefined
  #closed = false

  constructor(options: ReassemblerOptions = {}) {
    this.#clock = options.clock ?? systemClock
    this.#maxChunks = options.maxChunks ?? LIMITS.chunksMax
    this.#maxSets = options.maxSets ?? LIMITS.reassemblySetsPerSender
    this.#maxSenderBytes = options.maxSenderBytes ?? LIMITS.reassemblyBytesPerSender
    this.#maxBytes = options.maxBytes ?? LIMITS.reassemblyBytes
    this.#ttl = options.ttl ?? LIMITS.reassemblyTtl
    this.#onDrop = options.onDrop ?? (() => {})
  }

  /** Incomplete sets that are held now. */
  get size(): number {
    return this.#byAge.size
  }

  /** UTF-8 bytes that are held now. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Takes one chunk. It goes to the lane that it continues (its last chunk was N-1); failing that it is dropped as a
   * repetition if a lane holds the same N with the same text; failing that it goes to the oldest lane that lacks N;
   * failing that it opens a lane.
   *
   * Where several lanes could go on with N, it is the oldest that has not been left behind, see {@link Lane.leftBehind}.
   *
   * @returns the whole payload once all of 1..M are there, else undefined
   * @throws WgrokError `chunk-limit` when M is too large or the chunk does not fit the byte limits (its set is dropped
   *   then), `flags-invalid` for a position that is none, `closed`
   */
  accept(key: ReassemblyKey, position: ChunkPosition, payload: string): string | undefined {
    const { index, total } = position
    if (this.#closed) throw new WgrokError('closed', 'the reassembler is closed')
    if (!(index >= 1 && index <= total)) throw new WgrokError('flags-invalid', 'chunk position is not 1 <= N <= M')
    if (total > this.#maxChunks) throw new WgrokError('chunk-limit', `more than ${this.#maxChunks} chunks`)
    if (total === 1) return payload
    const id = keyText(key, total)
    const lanes = this.#trains.get(id) ?? []
    let lane = continued(lanes, index)
    if (lane === undefined && lanes.some(other => other.parts.get(index) === payload)) return undefined
    lane ??= lanes.find(other => !other.parts.has(index)) ?? this.#openLane(id, key, total)
    this.#count += 1
    const bytes = lane.add(index, payload, this.#count, this.#clock.now())
    this.#account(lane, bytes)
    this.#byAge.delete(lane)
    this.#byAge.add(lane)
    if (lane.complete) {
      this.#remove(lane)
      return lane.join()
    }
    this.#arm()
    this.#enforceBytes(lane)
    return undefined
  }

  /** Forgets everything and stops the timer. Idempotent; nothing counts as dropped. */
  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#trains.clear()
    this.#senders.clear()
    this.#byAge.clear()
    this.#bytes = 0
  }

  #openLane(id: string, key: ReassemblyKey, total: number): Lane {
    const senderId = `${key.platform}|${key.sender}`
    const lane = new Lane(id, senderId, key, total, this.#clock.now())
    const sender = this.#senders.get(senderId) ?? { lanes: new Set<Lane>(), bytes: 0 }
    this.#senders.set(senderId, sender)
    for (const oldest of sender.lanes) {
      if (sender.lanes.size < this.#maxSets) break
      this.#drop(oldest, 'chunk-limit')
    }
    // Dropping the last lane of a sender forgets the sender.
    this.#senders.set(senderId, sender)
    sender.lanes.add(lane)
    const lanes = this.#trains.get(id)
    if (lanes === undefined) this.#trains.set(id, [lane])
    else lanes.push(lane)
    return lane
  }

  #account(lane: Lane, bytes: number): void {
    this.#bytes += bytes
    const sender = this.#senders.get(lane.senderId)
    if (sender !== undefined) sender.bytes += bytes
  }

  /** A sender pays with its own oldest sets; the total is not defended at the cost of others. */
  #enforceBytes(lane: Lane): void {
    const sender = this.#senders.get(lane.senderId)
    if (sender === undefined) return
    for (const oldest of sender.lanes) {
      if (sender.bytes <= this.#maxSenderBytes) break
      if (oldest !== lane) this.#drop(oldest, 'chunk-limit')
    }
    if (sender.bytes <= this.#maxSenderBytes && this.#bytes <= this.#maxBytes) return
    this.#drop(lane, 'chunk-limit')
    throw new WgrokError('chunk-limit', 'too many bytes are waiting in incomplete sets of chunks')
  }

  #drop(lane: Lane, code: ErrorCode): void {
    this.#remove(lane)
    const { platform, conversation, sender, to, from } = lane.key
    const { total } = lane
    this.#onDrop({ code, platform, conversation, sender, to, from, received: lane.parts.size, total })
  }

  #remove(lane: Lane): void {
    this.#byAge.delete(lane)
    this.#account(lane, -lane.bytes)
    const sender = this.#senders.get(lane.senderId)
    sender?.lanes.delete(lane)
    if (sender?.lanes.size === 0) this.#senders.delete(lane.senderId)
    const lanes = this.#trains.get(lane.id)
    if (lanes === undefined) return
    lanes.splice(lanes.indexOf(lane), 1)
    if (lanes.length === 0) this.#trains.delete(lane.id)
  }

  /** One timer for all lanes, set for the one that has waited longest. */
  #arm(): void {
    if (this.#timer !== undefined) return
    const [oldest] = this.#byAge
    if (oldest === undefined) return
    const wait = Math.max(0, oldest.touchedAt + this.#ttl - this.#clock.now())
    this.#timer = this.#clock.setTimeout(() => this.#expire(), wait, { unref: true })
  }

  #expire(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (const lane of this.#byAge) {
      if (lane.touchedAt + this.#ttl > now) break
      this.#drop(lane, 'chunk-expired')
    }
    this.#arm()
  }
}

/** The lane whose last chunk was the one before `index`. */
function continued(lanes: readonly Lane[], index: number): Lane | undefined {
  let found: Lane | undefined
  for (const lane of lanes) {
    if (lane.last !== index - 1 || lane.parts.has(index)) continue
    if (found === undefined || found.leftBehind(lane)) found = lane
  }
  return found
}

/** One text for all parts of a key. Lengths go first, so that no choice of names makes two keys alike. */
function keyText(key: ReassemblyKey, total: number): string {
  const { conversation, sender, to, from } = key
  const lengths = `${conversation.length},${sender.length},${to.length}`
  const flags = `${key.compressed ? 'z' : ''}${key.encrypted ? 'e' : ''}${total}`
  return `${key.platform},${flags},${lengths},${conversation}${sender}${to}${from}`
}
