import { isPause, isResume, NO_FLAGS, parseFlags, parseResponse } from '../../generated/frames.js'
import type { Allowlist } from '../access/allowlist.js'
import type { Clock } from '../clock.js'
import { decode } from '../codec/decode.js'
import type { KeyRing } from '../codec/keys.js'
import { Reassembler } from '../codec/reassembler.js'
import { WgrokError } from '../errors.js'
import { stripMention } from '../frame/mention.js'
import type { Logger } from '../log.js'
import type { FlagSet, Frame } from '../protocol.js'
import { addressKey } from '../transport/address.js'
import type { InboundMessage } from '../transport/transport.js'
import { Dedupe } from './dedupe.js'

/** What was heard, decoded. */
export interface Heard {
  readonly frame: Frame
  /** The payload as the sender gave it. */
  readonly payload: string
  /** The message that carried it; the one that completed it when there were chunks. */
  readonly message: InboundMessage
}

/** Options of {@link Inbound}. */
export interface InboundOptions {
  /** Whether a frame with that `to` is for us. */
  readonly accepts: (to: string) => boolean
  /** Who may speak. Absent: anyone, for one who knows a secret `to`. */
  readonly allowlist: Allowlist | undefined
  readonly keys: KeyRing | undefined
  readonly maxChunks: number
  readonly clock: Clock
  readonly logger: Logger
  /** Gets each payload, in the order in which the messages of a conversation came in. */
  readonly deliver: (heard: Heard) => unknown
  /** Gets `./pause` and `./resume` from an allowed peer. */
  readonly control?: (command: 'pause' | 'resume', message: InboundMessage) => unknown
  /** Hears of a message that was rejected and of a handler that threw. */
  readonly onError?: ((error: WgrokError, message: InboundMessage) => void) | undefined
}

const DONE: Promise<void> = Promise.resolve()
const nothing = (): void => {}

/**
 * The way in that receivers and senders share: dedupe, allowlist, mention, frame, slug, flags, reassemble, decode,
 * handler. Nothing that comes in can make {@link receive} reject: what is wrong is logged without its content.
 */
export class Inbound {
  readonly #options: InboundOptions
  readonly #dedupe: Dedupe
  readonly #reassembler: Reassembler
  /** Decodes under way, by conversation and sender slug: what comes after waits, so that nothing overtakes. */
  readonly #decoding = new Map<string, Promise<void>>()

  constructor(options: InboundOptions) {
    const { clock, logger, maxChunks } = options
    this.#options = options
    this.#dedupe = new Dedupe({ clock })
    this.#reassembler = new Reassembler({
      clock,
      maxChunks,
      onDrop: drop => logger.warn('chunks dropped', { ...drop }),
    })
  }

  /** Takes one message. Resolves when its handler has; plain frames with a synchronous handler cost no promise. */
  receive(message: InboundMessage): Promise<void> {
    const { allowlist, logger } = this.#options
    if (message.freshId !== true && !this.#dedupe.first(message.platform, message.id)) return DONE
    if (allowlist !== undefined && !allowlist.allows(message.sender)) {
      logger.warn('message refused: sender is not on the allowlist', {
        code: 'not-allowed',
        messageId: message.id,
        sender: message.sender.principals[0],
      })
      return DONE
    }
    const text = stripMention(message.text, message.mentions)
    const frame = parseResponse(text)
    if (typeof frame === 'string') return this.#control(text, message)
    if (!this.#options.accepts(frame.to)) return DONE
    if (frame.flags === NO_FLAGS && this.#decoding.size === 0) {
      return this.#hand({ frame, payload: frame.payload, message })
    }
    return this.#take(frame, message)
  }

  /** Forgets incomplete chunks. */
  close(): void {
    this.#reassembler.close()
  }

  #control(text: string, message: InboundMessage): Promise<void> {
    const { control, logger } = this.#options
    const command = isPause(text) ? 'pause' : isResume(text) ? 'resume' : undefined
    if (command === undefined) {
      logger.debug('message ignored: not a frame', { messageId: message.id })
      return DONE
    }
    logger.info(`./${command} received`, { messageId: message.id })
    return this.#guard(message, () => control?.(command, message))
  }

  #take(frame: Frame, message: InboundMessage): Promise<void> {
    const flags = parseFlags(frame.flags)
    if (flags === undefined) {
      return this.#reject(new WgrokError('flags-invalid', 'flags are not `-` or `[z][e][N/M]`'), frame, message)
    }
    const whole = this.#reassemble(frame, flags, message)
    if (whole === undefined) return DONE
    return this.#inOrder(`${addressKey(message.conversation)}|${frame.from}`, frame, message, async () => {
      const { keys } = this.#options
      const plain = !flags.compressed && !flags.encrypted
      return plain ? whole : await decode(whole, flags, keys === undefined ? {} : { keys })
    })
  }

  /** The payload once it is complete. */
  #reassemble(frame: Frame, flags: FlagSet, message: InboundMessage): string | undefined {
    if (flags.chunk === undefined) return frame.payload
    const { platform, conversation, sender } = message
    const { compressed, encrypted } = flags
    const by = { platform, conversation: addressKey(conversation), sender: sender.principals[0] ?? '' }
    try {
      const key = { ...by, to: frame.to, from: frame.from, compressed, encrypted }
      return this.#reassembler.accept(key, flags.chunk, frame.payload)
    } catch (error) {
      void this.#reject(WgrokError.from(error), frame, message)
      return undefined
    }
  }

  /** Decoding takes time; the handler is called in the order of arrival all the same. */
  #inOrder(lane: string, frame: Frame, message: InboundMessage, payload: () => Promise<string>): Promise<void> {
    const before = this.#decoding.get(lane) ?? DONE
    const decoded = payload()
    decoded.catch(nothing)
    let handled: Promise<void> = DONE
    const turn = before
      .then(() => decoded)
      .then(
        text => {
          handled = this.#hand({ frame, payload: text, message })
        },
        error => {
          handled = this.#reject(WgrokError.from(error), frame, message)
        },
      )
    this.#decoding.set(lane, turn)
    return turn.then(() => {
      if (this.#decoding.get(lane) === turn) this.#decoding.delete(lane)
      return handled
    })
  }

  #hand(heard: Heard): Promise<void> {
    return this.#guard(heard.message, () => this.#options.deliver(heard), heard.frame)
  }

  #guard(message: InboundMessage, call: () => unknown, frame?: Frame): Promise<void> {
    try {
      const result = call()
      if (!isThenable(result)) return DONE
      return Promise.resolve(result).then(nothing, error => this.#handlerFailed(error, message, frame))
    } catch (error) {
      this.#handlerFailed(error, message, frame)
      return DONE
    }
  }

  /** A handler that throws once would throw again: the message counts as taken, and the application is told. */
  #handlerFailed(caught: unknown, message: InboundMessage, frame?: Frame): void {
    const { logger, onError } = this.#options
    const error = WgrokError.from(caught)
    logger.error('handler failed', { code: error.code, messageId: message.id, from: frame?.from, error })
    onError?.(error, message)
  }

  #reject(error: WgrokError, frame: Frame, message: InboundMessage): Promise<void> {
    const { logger, onError } = this.#options
    logger.warn('message rejected', {
      code: error.code,
      messageId: message.id,
      from: frame.from,
      flags: frame.flags,
      length: frame.payload.length,
    })
    onError?.(error, message)
    return DONE
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
