import { randomUUID } from 'node:crypto'
import type { Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import type { Receipt } from '../transport.js'
import { failureOf, namesTarget } from './failures.js'
import type { IrcLine } from './framework.js'
import type { Link } from './link.js'
import { privmsg } from './outbound.js'

/** Options of {@link Receipts}. */
export interface ReceiptsOptions {
  readonly link: Link
  readonly logger: Logger
  /** How long an error may take where the server confirms nothing, in ms. */
  readonly confirmMs?: number
}

interface Pending {
  readonly label: string | undefined
  readonly target: string
  readonly text: string
  readonly timer: Timer
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: WgrokError) => void
}

/** Servers echo at once; one that does not by now will not, and has reported no error either. */
const ECHO_TIMEOUT = 15_000
/** Bounds of the wait for an error where there is no echo, in ms. */
const CONFIRM_MIN = 100
const CONFIRM_MAX = 2_000
const REPLACEMENT = /\ufffd+$/u

/**
 * What became of the messages of one connection.
 *
 * With `echo-message` the server shows each message as others see it: the receipt, and the proof that nothing was cut.
 * `labeled-response` says which message an answer is about. Elsewhere success is silent, and a message counts as sent
 * when no error has come within twice the server's answering time.
 */
export class Receipts {
  readonly #options: ReceiptsOptions
  /** In the order of sending. */
  readonly #pending = new Set<Pending>()
  readonly #batches = new Map<string, string>()
  #labels = 0

  constructor(options: ReceiptsOptions) {
    this.#options = options
  }

  /** Writes the message. @throws WgrokError when the server refuses or cuts it; `connection-lost`. */
  send(target: string, text: string): Promise<Receipt> {
    const { link } = this.#options
    const label = link.has('labeled-response') ? (this.#labels++).toString(36) : undefined
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        label,
        target: link.fold(target),
        text: Buffer.from(text).toString(),
        timer: link.after(this.#patience(), () => this.#settle(pending, undefined)),
        resolve,
        reject,
      }
      this.#pending.add(pending)
      link.write(privmsg(target, text, label))
    })
  }

  /** Tells of a line. */
  heard(line: IrcLine): void {
    const { command, params, tags } = line
    const label = tags['label'] ?? this.#batches.get(tags['batch'] ?? '')
    if (command === 'BATCH') this.#batch(params[0] ?? '', label)
    else if (command === 'ACK') this.#confirmed(label)
    else if (command === 'PRIVMSG') {
      if (this.#options.link.isOwn(line.nick)) this.#echoed(line, label)
    } else {
      const error = command === 'FAIL' ? standardReply(line) : failureOf(command)
      if (error !== undefined) this.#failed(error, label, command, params[1])
    }
  }

  /** The connection is gone: nobody knows what became of the messages under way. */
  close(error: WgrokError): void {
    for (const pending of this.#pending) {
      pending.timer.cancel()
      pending.reject(error)
    }
    this.#pending.clear()
  }

  #patience(): number {
    const { link, confirmMs } = this.#options
    if (link.has('echo-message')) return ECHO_TIMEOUT
    return confirmMs ?? Math.min(CONFIRM_MAX, Math.max(CONFIRM_MIN, 2 * (link.rtt ?? CONFIRM_MAX)))
  }

  #batch(reference: string, label: string | undefined): void {
    if (reference.startsWith('-')) this.#batches.delete(reference.slice(1))
    else if (label !== undefined && this.#batches.size < 64) this.#batches.set(reference.slice(1), label)
  }

  #echoed(line: IrcLine, label: string | undefined): void {
    const { link } = this.#options
    const target = link.fold(line.params[0] ?? '')
    const pending = this.#find(entry => (label === undefined ? entry.target === target : entry.label === label))
    if (pending === undefined) return
    const text = line.params[1] ?? ''
    const id = line.tags['msgid']
    this.#settle(pending, damage(pending.text, text), id)
  }

  #confirmed(label: string | undefined): void {
    const pending = label === undefined ? undefined : this.#find(entry => entry.label === label)
    if (pending !== undefined) this.#settle(pending, undefined)
  }

  #failed(error: WgrokError, label: string | undefined, command: string, about: string | undefined): void {
    const { link, logger } = this.#options
    const target = about !== undefined && namesTarget(command) && command !== 'FAIL' ? link.fold(about) : undefined
    const pending = this.#find(entry =>
      label !== undefined ? entry.label === label : target === undefined || entry.target === target,
    )
    if (pending === undefined) logger.warn('the IRC server reports a failure that no message waits for', { error })
    else this.#settle(pending, error)
  }

  #find(matches: (pending: Pending) => boolean): Pending | undefined {
    for (const pending of this.#pending) if (matches(pending)) return pending
    return undefined
  }

  #settle(pending: Pending, error: WgrokError | undefined, id?: string): void {
    pending.timer.cancel()
    this.#pending.delete(pending)
    if (error !== undefined) pending.reject(error)
    else if (id === undefined || id === '')
      pending.resolve({ messageId: `irc-${randomUUID()}`, platformResponse: null })
    else pending.resolve({ messageId: `${this.#options.link.network}/${id}`, platformResponse: null })
  }
}

/** What the server did to the text on its way; undefined for nothing. */
function damage(sent: string, echoed: string): WgrokError | undefined {
  if (echoed === sent) return undefined
  if (!sent.startsWith(echoed.replace(REPLACEMENT, ''))) {
    return new WgrokError('platform-rejected', 'the server changed the text of the message')
  }
  return new WgrokError('frame-too-large', `the server cut the message to ${Buffer.byteLength(echoed)} bytes`)
}

/** `FAIL PRIVMSG CODE … :text`, IRCv3 standard replies. */
function standardReply({ params }: IrcLine): WgrokError | undefined {
  if (params[0] !== 'PRIVMSG') return undefined
  const known = /^[A-Z_]{1,40}$/.test(params[1] ?? '') ? params[1] : 'unknown'
  return new WgrokError('platform-rejected', `the IRC server refused the message: ${known}`)
}
