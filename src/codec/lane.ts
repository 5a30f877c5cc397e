import type { Platform } from '../protocol.js'

/** How long the sender of a train may pause, in ms, before a new train of the same shape counts as a new attempt. */
const PAUSE_MAX = 10_000

/** What chunks of one payload have in common. The number of chunks is part of the key too. */
export interface ReassemblyKey {
  readonly platform: Platform
  /** Conversation that the chunk was heard in. */
  readonly conversation: string
  /** First principal of who wrote the message. */
  readonly sender: string
  readonly to: string
  readonly from: string
  readonly compressed: boolean
  readonly encrypted: boolean
}

/** The chunks of one payload that have come so far. */
export class Lane {
  readonly id: string
  readonly senderId: string
  readonly key: ReassemblyKey
  /** M. */
  readonly total: number
  readonly parts: Map<number, string> = new Map()
  readonly #openedAt: number
  #bytes = 0
  #last = 0
  #touchedAt: number
  #lastTurn = 0
  #turnBefore = 0

  constructor(id: string, senderId: string, key: ReassemblyKey, total: number, now: number) {
    this.id = id
    this.senderId = senderId
    this.key = key
    this.total = total
    this.#openedAt = now
    this.#touchedAt = now
  }

  /** UTF-8 bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** N of the chunk that came last; 0 before the first. */
  get last(): number {
    return this.#last
  }

  /** When the last chunk came, in ms since 1970. */
  get touchedAt(): number {
    return this.#touchedAt
  }

  get complete(): boolean {
    return this.parts.size === this.total
  }

  /**
   * Takes a chunk whose place is free.
   *
   * @param turn running number over the chunks of all lanes
   * @returns its size in UTF-8 bytes
   */
  add(index: number, payload: string, turn: number, now: number): number {
    const bytes = Buffer.byteLength(payload, 'utf8')
    this.parts.set(index, payload)
    this.#bytes += bytes
    this.#last = index
    this.#touchedAt = now
    this.#turnBefore = this.#lastTurn
    this.#lastTurn = turn
    return bytes
  }

  /**
   * Whether this train was most likely given up before `younger` began: that one came a good while later, or has taken
   * two chunks since. A sender that failed in the middle and tries again sends the same shape a second time, and what
   * then follows must not complete the first attempt.
   */
  leftBehind(younger: Lane): boolean {
    return younger.#openedAt - this.#touchedAt > PAUSE_MAX || younger.#turnBefore > this.#lastTurn
  }

  /** The payload. Only when {@link complete}. */
  join(): string {
    let payload = ''
    for (let index = 1; index <= this.total; index++) payload += this.parts.get(index) ?? ''
    return payload
  }
}
