import { FRAME_LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../../src/errors.js'
import type { Logger } from '../../src/log.js'
import type { Address, FrameLimit, Platform } from '../../src/protocol.js'
import type {
  InboundMessage,
  OutboundMessage,
  Receipt,
  SendOptions,
  Transport,
  TransportStatus,
} from '../../src/transport/transport.js'

/** Lets everything that can run without time passing run. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** One line that was logged. */
export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly msg: string
  readonly fields: Record<string, unknown>
}

/** A logger that keeps its lines. */
export function memoryLogger(lines: Line[] = []): Logger & { readonly lines: Line[] } {
  const at =
    (level: Line['level']) =>
    (msg: string, fields: Record<string, unknown> = {}) =>
      void lines.push({ level, msg, fields })
  return {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => memoryLogger(lines),
  }
}

/** What a transport was asked to send. */
export interface Sent {
  readonly to: Address
  readonly message: OutboundMessage
  readonly idempotencyKey: string
}

/** A transport that sends into an array and hears what a test says. */
export class FakeTransport implements Transport {
  readonly platform: Platform
  readonly limit: FrameLimit
  readonly sent: Sent[] = []
  /** Called before each send; throws to make it fail, waits to make it slow. */
  onSend: (sent: Sent, options: SendOptions) => void | Promise<void> = () => {}
  listening = 0
  closed = 0
  #deliver: ((message: InboundMessage) => Promise<void>) | undefined

  constructor(platform: Platform = 'webex', limit: FrameLimit = FRAME_LIMITS[platform]) {
    this.platform = platform
    this.limit = limit
  }

  get texts(): readonly string[] {
    return this.sent.map(({ message }) => message.text)
  }

  async send(to: Address, message: OutboundMessage, options: SendOptions): Promise<Receipt> {
    const sent = { to, message, idempotencyKey: options.idempotencyKey }
    await this.onSend(sent, options)
    this.sent.push(sent)
    return { messageId: `sent-${this.sent.length}`, platformResponse: { ok: true } }
  }

  async listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    this.listening++
    this.#deliver = deliver
  }

  /** Lets the listener hear a message. */
  hear(message: Partial<InboundMessage> & { readonly text: string }): Promise<void> {
    if (this.#deliver === undefined) throw new Error('nobody listens')
    return this.#deliver(inbound({ platform: this.platform, ...message }))
  }

  async *status(): AsyncIterable<TransportStatus> {
    yield { state: 'live', since: 0 }
  }

  async close(): Promise<void> {
    this.closed++
  }
}

let ids = 0

/** A message from `peer@example.com` in a room of its own. */
export function inbound(message: Partial<InboundMessage> & { readonly text: string }): InboundMessage {
  const platform = message.platform ?? 'webex'
  return {
    platform,
    id: `m-${++ids}`,
    cards: [],
    sender: { principals: ['peer@example.com'] },
    conversation: { platform, kind: 'room', id: 'room-1' },
    ...message,
  }
}

/** Makes the next `count` sends fail. */
export function failing(count: number, error: WgrokError): () => void {
  let left = count
  return () => {
    if (left-- > 0) throw error
  }
}

export const unavailable = (): WgrokError => new WgrokError('platform-unavailable', 'out of order')
