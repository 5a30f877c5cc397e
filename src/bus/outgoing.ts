import { randomUUID } from 'node:crypto'
import { LIMITS } from '../../generated/limits.js'
import type { Clock } from '../clock.js'
import { encode } from '../codec/encode.js'
import type { KeyRing } from '../codec/keys.js'
import { WgrokError } from '../errors.js'
import type { Address, Card, CompressMode, FrameLimit, Platform, SendResult } from '../protocol.js'
import { addressKey } from '../transport/address.js'
import { retry } from '../transport/retry.js'
import type { OutboundMessage, Receipt, Transport } from '../transport/transport.js'
import { abortable, abortError, aborted, openScope } from './scope.js'
import { Trains } from './trains.js'
import { type FrameRules, rulesFor } from './via.js'

/** One payload on its way out. */
export interface Parcel {
  readonly payload: string
  /** Slug that it is for. */
  readonly to: string
  /** Slug that answers go to. */
  readonly from: string
  /** Where the frames are sent. */
  readonly address: Address
  readonly cards: readonly Card[]
  readonly compress: CompressMode
  readonly signal?: AbortSignal | undefined
}

/** Options of {@link Outgoing}. */
export interface OutgoingOptions {
  readonly open: () => Promise<Transport>
  readonly keys: KeyRing | undefined
  readonly compact: boolean
  readonly maxChunks: number
  /** Other platforms that frames are relayed to. Default none. */
  readonly via?: readonly Platform[] | undefined
  readonly clock: Clock
  readonly random: () => number
  /** Parcels that are held while paused. Default `LIMITS.senderBufferMax`. */
  readonly bufferMax?: number
}

const nothing = (): void => {}

/** What a paused sender answers. */
const BUFFERED: SendResult = Object.freeze({ messageId: '', messageIds: [], platformResponse: null, buffered: true })

/**
 * The way out that senders and receivers share: encode, then send the frames in order, one train at a time to each
 * destination. While paused, parcels are held up to a bound and leave in order on resume.
 */
export class Outgoing {
  readonly #options: OutgoingOptions
  readonly #trains = new Trains()
  readonly #closing = new AbortController()
  #held: Parcel[] = []
  #paused = false
  #closed = false
  #flushing: Promise<SendResult[]> | undefined
  /** By the transport's limit, which may change. */
  #rules: { readonly of: FrameLimit; readonly rules: FrameRules } | undefined

  constructor(options: OutgoingOptions) {
    this.#options = options
  }

  /** Parcels held while paused. */
  get held(): number {
    return this.#held.length
  }

  /** @throws WgrokError of the codec, the transport, or `lane-full`, `aborted`, `closed`. */
  async send(parcel: Parcel): Promise<SendResult> {
    // What was held goes first, also when a flush ends by pausing again.
    while (this.#flushing !== undefined) await this.#flushing.catch(nothing)
    this.#assertOpen(parcel)
    if (!this.#paused) return this.#dispatch(parcel)
    const bound = this.#options.bufferMax ?? LIMITS.senderBufferMax
    if (this.#held.length >= bound) throw new WgrokError('lane-full', `${bound} messages are held while paused`)
    this.#held.push(parcel)
    return BUFFERED
  }

  /** Holds parcels from now on. A train that is under way runs to its end. */
  pause(): void {
    this.#paused = true
  }

  /**
   * Sends what was held, in order, and ends the pause.
   *
   * When one fails, the rest stays held and the pause goes on; the failed one stays too if it may succeed later.
   */
  resume(): Promise<SendResult[]> {
    if (this.#flushing !== undefined) return this.#flushing
    if (!this.#paused) return Promise.resolve([])
    this.#paused = false
    if (this.#held.length === 0) return Promise.resolve([])
    this.#flushing = this.#flush().finally(() => {
      this.#flushing = undefined
    })
    return this.#flushing
  }

  /** Waits for trains under way, at most `LIMITS.drainTimeout`, then calls them off. Returns how many parcels were held. */
  async close(): Promise<number> {
    const lost = this.#held.length
    this.#closed = true
    this.#held = []
    const callOff = (): void => this.#closing.abort(new WgrokError('closed', 'this object was closed'))
    const timer = this.#options.clock.setTimeout(callOff, LIMITS.drainTimeout)
    await Promise.race([this.#trains.idle(), aborted(this.#closing.signal)])
    timer.cancel()
    return lost
  }

  async #flush(): Promise<SendResult[]> {
    const results: SendResult[] = []
    for (let parcel = this.#held.shift(); parcel !== undefined; parcel = this.#held.shift()) {
      if (parcel.signal?.aborted === true) continue
      try {
        results.push(await this.#dispatch(parcel))
      } catch (error) {
        this.#paused = true
        if (WgrokError.from(error).retryable) this.#held.unshift(parcel)
        throw error
      }
      // Paused again in the meantime: the rest waits for the next resume.
      if (this.#paused) break
    }
    return results
  }

  async #dispatch(parcel: Parcel): Promise<SendResult> {
    const scope = openScope([parcel.signal, this.#closing.signal])
    const encoded = this.#encode(parcel, scope.signal)
    // Handled where the train runs; this only keeps a failure before that from being called unhandled.
    encoded.catch(nothing)
    const train = this.#trains.run(addressKey(parcel.address), async () => {
      const { transport, frames } = await encoded
      return this.#sendTrain(transport, frames, parcel, scope.signal)
    })
    train.then(scope.release, scope.release)
    return abortable(train, scope.signal)
  }

  async #encode(
    parcel: Parcel,
    signal: AbortSignal,
  ): Promise<{ readonly transport: Transport; readonly frames: readonly string[] }> {
    const { compact, keys, maxChunks } = this.#options
    const transport = await this.#options.open()
    const { fragile, limit } = this.#rulesOf(transport)
    const { frames } = await encode(parcel.payload, {
      to: parcel.to,
      from: parcel.from,
      limit,
      compress: parcel.compress,
      compact,
      maxChunks,
      signal,
      ...(keys === undefined ? {} : { keys }),
      ...(fragile === undefined ? {} : { fragile }),
    })
    return { transport, frames }
  }

  #rulesOf({ limit, platform }: Transport): FrameRules {
    if (this.#rules?.of !== limit)
      this.#rules = { of: limit, rules: rulesFor(platform, limit, this.#options.via ?? []) }
    return this.#rules.rules
  }

  async #sendTrain(
    transport: Transport,
    frames: readonly string[],
    parcel: Parcel,
    signal: AbortSignal,
  ): Promise<SendResult> {
    const train = randomUUID()
    const messageIds: string[] = []
    let platformResponse: unknown = null
    for (const [index, text] of frames.entries()) {
      // Cards ride on the last frame: it is the one that completes the payload at the receiver.
      const cards = parcel.cards.length > 0 && index === frames.length - 1 ? { cards: parcel.cards } : {}
      const message: OutboundMessage = { text, ...cards }
      const receipt = await this.#sendFrame(transport, parcel.address, message, `${train}-${index + 1}`, signal)
      messageIds.push(receipt.messageId)
      platformResponse = receipt.platformResponse
    }
    return { messageId: messageIds[0] ?? '', messageIds, platformResponse, buffered: false }
  }

  #sendFrame(
    transport: Transport,
    to: Address,
    message: OutboundMessage,
    idempotencyKey: string,
    signal: AbortSignal,
  ): Promise<Receipt> {
    const { clock, random } = this.#options
    const attempt = async (): Promise<Receipt> => {
      if (signal.aborted) throw abortError(signal)
      return transport.send(to, message, { signal, idempotencyKey })
    }
    return retry(attempt, { signal, clock, random })
  }

  #assertOpen(parcel: Parcel): void {
    if (this.#closed) throw new WgrokError('closed', 'this object was closed')
    if (parcel.signal?.aborted === true) throw abortError(parcel.signal)
  }
}
