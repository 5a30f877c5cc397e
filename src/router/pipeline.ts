import { ECHO_PREFIX, NO_FLAGS, parseFlags } from '../../generated/frames.js'
import type { AppCommand, Frame } from '../../generated/models.js'
import { type BusReceives, dispatchBusReceives, type Undecoded } from '../../generated/stubs.js'
import type { Allowlist } from '../access/allowlist.js'
import type { Dedupe } from '../bus/dedupe.js'
import type { Clock } from '../clock.js'
import { WgrokError } from '../errors.js'
import { stripMention } from '../frame/mention.js'
import { isInbox } from '../frame/slug.js'
import type { Logger } from '../log.js'
import type { Mutable } from '../mutable.js'
import type { Address } from '../protocol.js'
import type { Appended, AppJob, SpoolEntry } from '../spool/spool.js'
import { addressKey } from '../transport/address.js'
import { ACCEPTED, type Arrival, DUPLICATE, IGNORED, type Outcome, senderAddress } from './arrival.js'
import { type Destination, destinationAt } from './destination.js'
import type { Inboxes } from './inboxes.js'
import type { Registry } from './registry.js'
import type { Waiters } from './waiters.js'

/** What may be exchanged while the router runs: SIGHUP re-reads it. */
export interface PipelineRules {
  readonly allowlist: Allowlist
  readonly registry: Registry
  /** Names of the applications of Mode A. */
  readonly apps: ReadonlySet<string>
}

/** Options of a {@link Pipeline}. */
export interface PipelineOptions {
  readonly rules: PipelineRules
  readonly dedupe: Dedupe
  readonly inboxes: Inboxes
  readonly clock: Clock
  readonly logger: Logger
  /** Puts an entry into its lane. */
  readonly accept: (entry: SpoolEntry) => Appended | Promise<Appended>
  /** Holds or releases a lane. */
  readonly hold: (lane: string, held: boolean) => void | Promise<void>
  /** Callers who wait for a reply over HTTP. */
  readonly waiters?: Waiters
  /** Where a webhook caller is answered; undefined when no platform of the router can address that identity. */
  readonly callerAddress: (from: string) => Address | undefined
}

/** Verbs that the protocol keeps for later. They are never names of applications. */
export const RESERVED_VERBS: ReadonlySet<string> = new Set(['echo', 'pause', 'resume', 'route', 'broadcast', 'store'])

type Result = Outcome | Promise<Outcome>
type Refusal = 'frame-malformed' | 'slug-invalid' | 'flags-invalid' | 'target-invalid'

/**
 * What the router does with every message, wherever it comes from: dedupe, allowlist, mention, then the handler of the
 * operation. It implements the generated stub, so that an operation added to the spec does not compile until it is
 * handled here.
 *
 * Never throws into the caller; the payload is neither read nor changed.
 */
export class Pipeline implements BusReceives<Arrival, Result> {
  readonly #options: PipelineOptions
  #rules: PipelineRules
  /** What is being written down, by source and id. */
  readonly #underWay = new Map<string, Promise<Outcome>>()

  constructor(options: PipelineOptions) {
    this.#options = options
    this.#rules = options.rules
  }

  /** Takes new rules from the next message on. */
  setRules(rules: PipelineRules): void {
    this.#rules = rules
  }

  /**
   * Takes one message. Synchronous unless the spool has to write.
   *
   * A message that could not be accepted for a passing reason (disk, closing) may come again: its id is forgotten.
   */
  take(arrival: Arrival): Result {
    const { freshId, id, source } = arrival
    const { dedupe } = this.#options
    if (freshId === true) return this.#handle(arrival)
    if (!dedupe.first(source, id)) return this.#repetition(arrival)
    const result = this.#handle(arrival)
    if (result instanceof Promise) return this.#wait(arrival, result)
    // A caller may mend what was refused and try again.
    if (source === 'webhook' && result.status === 'refused') dedupe.forget(source, id)
    return result
  }

  /** Nobody hears that a message was taken before it is, however often it comes. */
  #wait(arrival: Arrival, result: Promise<Outcome>): Promise<Outcome> {
    const key = `${arrival.source}:${arrival.id}`
    this.#underWay.set(key, result)
    return result.finally(() => this.#underWay.delete(key))
  }

  #repetition(arrival: Arrival): Result {
    const first = this.#underWay.get(`${arrival.source}:${arrival.id}`)
    return first?.then(outcome => (outcome.status === 'accepted' ? DUPLICATE : outcome)) ?? DUPLICATE
  }

  #handle(arrival: Arrival): Result {
    const { logger } = this.#options
    if (!this.#rules.allowlist.allows(arrival.sender)) {
      logger.warn('message refused: sender is not on the allowlist', {
        code: 'not-allowed',
        source: arrival.source,
        messageId: arrival.id,
        sender: arrival.sender.principals[0],
      })
      return refused(new WgrokError('not-allowed', 'the sender is not on the allowlist'))
    }
    const text = stripMention(arrival.text, arrival.mentions)
    const stripped = text === arrival.text ? arrival : { ...arrival, text }
    try {
      const result = dispatchBusReceives<Arrival, Result>(text, this, stripped, this.#undecoded)
      return result instanceof Promise ? result.catch(error => this.#failed(arrival, error)) : result
    } catch (error) {
      return this.#failed(arrival, error)
    }
  }

  peerEcho(frame: Frame, arrival: Arrival): Result {
    // Relayed without its prefix, such a frame would be a command to the next router that hears it.
    if (frame.to.startsWith('./')) return this.#refuse(arrival, 'slug-invalid', 'to starts with "./"')
    if (this.#rules.apps.has(frame.to)) return this.#callApp(frame.to, frame, arrival)
    const text = arrival.text.slice(ECHO_PREFIX.length)
    // An inbox that a caller waits on belongs to that caller alone; of a plain slug he gets a copy.
    if (this.#options.waiters?.give(frame, text) === true) return ACCEPTED
    const destination = this.#resolve(frame, arrival)
    if (destination === undefined) {
      return this.#refuse(arrival, 'target-invalid', 'the slug is not registered and the caller has no conversation')
    }
    if (isInbox(frame.from)) this.#rememberInbox(frame.from, arrival)
    return this.#accept(arrival, destination, destination.lane, text)
  }

  peerCommand(command: AppCommand, arrival: Arrival): Result {
    const { app } = command
    if (this.#rules.apps.has(app)) return this.#callApp(app, command, arrival)
    this.#options.logger.debug('command ignored', { messageId: arrival.id, reserved: RESERVED_VERBS.has(app) })
    return IGNORED
  }

  peerPause(_text: string, arrival: Arrival): Result {
    return this.#setHeld(arrival, true)
  }

  peerResume(_text: string, arrival: Arrival): Result {
    return this.#setHeld(arrival, false)
  }

  readonly #undecoded = (undecoded: Undecoded, arrival: Arrival): Result => {
    if (arrival.text.startsWith(ECHO_PREFIX)) {
      return this.#refuse(arrival, 'frame-malformed', 'an echo frame has four fields, none of the first three empty')
    }
    this.#options.logger.debug('message ignored: not a frame', { messageId: arrival.id, why: undecoded.operation })
    if (arrival.source !== 'webhook') return IGNORED
    return refused(new WgrokError('not-a-frame', 'text is neither a frame nor a command'))
  }

  /** Registered slug, then inbox, then back to where it came from. */
  #resolve(frame: Frame, arrival: Arrival): Destination | undefined {
    const { registry } = this.#rules
    const exact = registry.get(frame.to)
    if (exact !== undefined) return exact
    return this.#options.inboxes.place(frame.to) ?? registry.resolve(frame.to) ?? this.#home(arrival)
  }

  /** Where an answer to the arrival itself goes. */
  #home(arrival: Arrival): Destination | undefined {
    const { conversation: to, via } = arrival
    if (to !== undefined) return { to, lane: addressKey(to), mention: senderAddress(arrival), via }
    const address = this.#options.callerAddress(arrival.sender.principals[0] ?? '')
    return address === undefined ? undefined : destinationAt(address)
  }

  #rememberInbox(from: string, arrival: Arrival): void {
    const home = this.#home(arrival)
    if (home === undefined || this.#options.inboxes.remember(from, home)) return
    this.#options.logger.warn('inbox is known from another conversation', { messageId: arrival.id })
  }

  /**
   * A call waits in a lane of its own conversation, so that calls of one peer stay in order and nobody waits for
   * another's.
   */
  #callApp(app: string, call: Frame | AppCommand, arrival: Arrival): Result {
    const frame = 'to' in call ? call : undefined
    const flags = frame?.flags ?? NO_FLAGS
    if (parseFlags(flags) === undefined)
      return this.#refuse(arrival, 'flags-invalid', 'flags are not `-` or `[z][e][N/M]`')
    const waiter = this.#options.waiters?.has(arrival.id) === true ? arrival.id : undefined
    const destination = this.#answerPlace(frame, arrival)
    if (destination === undefined && waiter === undefined) {
      return this.#refuse(arrival, 'target-invalid', 'the caller has no conversation, and nobody is registered as from')
    }
    const sender = arrival.sender.principals[0] ?? ''
    const job: AppJob = { app, answerTo: frame?.from ?? app, flags, from: frame?.from ?? '-', sender }
    const peer = destination?.lane ?? sender
    return this.#accept(arrival, destination, `app:${app}:${peer}`, call.payload, job, waiter)
  }

  /** A peer is answered where he spoke; a webhook caller where the frame's `from` says, else where he can be addressed. */
  #answerPlace(frame: Frame | undefined, arrival: Arrival): Destination | undefined {
    if (arrival.conversation !== undefined || frame === undefined) return this.#home(arrival)
    return this.#rules.registry.resolve(frame.from) ?? this.#home(arrival)
  }

  #accept(
    arrival: Arrival,
    destination: Destination | undefined,
    lane: string,
    text: string,
    job?: AppJob,
    waiter?: string,
  ): Result {
    const id = `${arrival.source}:${arrival.id}`
    const entry: Mutable<SpoolEntry> = { id, lane, text, acceptedAt: this.#options.clock.now() }
    if (job !== undefined) entry.job = job
    if (destination !== undefined) {
      entry.to = destination.to
      if (destination.mention !== undefined) entry.mention = destination.mention
      if (destination.via !== undefined) entry.via = destination.via
    }
    if (arrival.cards.length > 0) entry.cards = arrival.cards
    if (waiter !== undefined) entry.waiter = waiter
    const appended = this.#options.accept(entry)
    return appended instanceof Promise ? appended.then(outcomeOf) : outcomeOf(appended)
  }

  #setHeld(arrival: Arrival, held: boolean): Result {
    const { hold, logger } = this.#options
    const addresses = [arrival.conversation, senderAddress(arrival)].filter(address => address !== undefined)
    logger.info(held ? 'peer asks to pause' : 'peer asks to resume', { messageId: arrival.id, lanes: addresses.length })
    const waits = addresses.map(address => hold(addressKey(address), held)).filter(wait => wait instanceof Promise)
    return waits.length === 0 ? IGNORED : Promise.all(waits).then(() => IGNORED)
  }

  #refuse(arrival: Arrival, code: Refusal, detail: string): Outcome {
    this.#options.logger.warn('message refused', {
      code,
      source: arrival.source,
      messageId: arrival.id,
      sender: arrival.sender.principals[0],
      length: arrival.text.length,
    })
    return refused(new WgrokError(code, detail))
  }

  #failed(arrival: Arrival, caught: unknown): Outcome {
    const error = WgrokError.from(caught)
    const { dedupe, logger } = this.#options
    dedupe.forget(arrival.source, arrival.id)
    logger.error('message could not be accepted', { code: error.code, messageId: arrival.id, error })
    // What no spool ever takes had better not come again.
    const again = error.retryable || error.code === 'closed' || error.code === 'internal'
    return { status: 'refused', error, again }
  }
}

function refused(error: WgrokError): Outcome {
  return { status: 'refused', error, again: false }
}

function outcomeOf(appended: Appended): Outcome {
  return appended === 'accepted' ? ACCEPTED : DUPLICATE
}
