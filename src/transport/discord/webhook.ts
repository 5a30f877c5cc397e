import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { LIMITS } from '../../../generated/limits.js'
import type { DiscordInteraction, DiscordInteractionResponse } from '../../../generated/models.js'
import { type DiscordHookReceives, dispatchDiscordHookReceives } from '../../../generated/stubs.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { InboundMessage } from '../transport.js'
import {
  assertRecent,
  assertSize,
  inTime,
  json,
  parse,
  REPLAY_TTL,
  single,
  type Webhook,
  type WebhookAnswer,
  type WebhookCall,
} from '../webhook.js'
import type { DiscordApi } from './api.js'
import {
  answerForm,
  answerLater,
  answerNoChoices,
  answerPing,
  answerText,
  INTERACTION,
  readInteraction,
} from './interaction.js'

/** What became of a message; nothing means that it was accepted. */
export interface DeliverOutcome {
  readonly status: 'accepted' | 'duplicate' | 'ignored' | 'refused'
}

/** Options of {@link createDiscordWebhook}. */
export interface DiscordWebhookOptions {
  /** Public key of the application: 32 bytes in hex, as the developer portal shows it. */
  readonly publicKey: string
  /** Resolves once the message is accepted for good, or says what else became of it. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a deliver without an outcome fits as it is
  readonly deliver: (message: InboundMessage) => Promise<DeliverOutcome | void>
  /** Fills in answers that take longer than Discord waits. Without it they say that the message is on its way. */
  readonly api?: Pick<DiscordApi, 'editResponse'>
  readonly clock?: Clock
  readonly logger?: Logger
  /** Largest body in bytes. Default `LIMITS.webhookBody`. */
  readonly bodyMax?: number
}

/** What stands before the 32 bytes of an Ed25519 key in DER, RFC 8410. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Discord's interactions endpoint: the command `/wgrok` and its form. Ordinary messages never arrive here.
 *
 * @throws WgrokError `config-invalid` for a key of another form.
 */
export function createDiscordWebhook(options: DiscordWebhookOptions): Webhook {
  return new InteractionsWebhook(options)
}

/**
 * Checks the signature of a request: Ed25519 over the timestamp and the body.
 *
 * @throws WgrokError `auth-failed` when it is missing, wrong, or more than five minutes from now, before or after.
 */
export function verifyDiscordSignature(call: WebhookCall, key: KeyObject, now: number): string {
  const signature = single(call.headers['x-signature-ed25519'])?.toLowerCase()
  const timestamp = single(call.headers['x-signature-timestamp'])
  if (signature === undefined || timestamp === undefined || !/^[0-9]{1,12}$/.test(timestamp)) {
    throw new WgrokError('auth-failed', 'the request is not signed')
  }
  const signed = Buffer.concat([Buffer.from(timestamp), call.rawBody])
  if (!/^[0-9a-f]{128}$/.test(signature) || !verify(null, signed, key, Buffer.from(signature, 'hex'))) {
    throw new WgrokError('auth-failed', 'the signature is wrong')
  }
  assertRecent(timestamp, now)
  return signature
}

/** Reads a public key in hex. @throws WgrokError `config-invalid` */
export function readPublicKey(hex: string): KeyObject {
  if (!/^[0-9a-f]{64}$/i.test(hex)) throw new WgrokError('config-invalid', 'the public key must be 64 hex digits')
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, Buffer.from(hex, 'hex')]), format: 'der', type: 'spki' })
}

class InteractionsWebhook implements Webhook, DiscordHookReceives<string, Promise<DiscordInteractionResponse>> {
  readonly #options: DiscordWebhookOptions
  readonly #key: KeyObject
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #seen: ExpiringMap<true>

  constructor(options: DiscordWebhookOptions) {
    const { clock = systemClock, logger = silent, publicKey } = options
    this.#options = options
    this.#key = readPublicKey(publicKey)
    this.#clock = clock
    this.#logger = logger
    this.#seen = new ExpiringMap({ ttl: REPLAY_TTL, max: LIMITS.dedupeMax, clock })
  }

  async handle(call: WebhookCall): Promise<WebhookAnswer> {
    const { bodyMax = LIMITS.webhookBody } = this.#options
    try {
      assertSize(call, bodyMax)
      const signature = verifyDiscordSignature(call, this.#key, this.#clock.now())
      const body = parse(call.rawBody)
      return json(
        200,
        await dispatchDiscordHookReceives(body, this, signature, () => {
          throw new WgrokError('body-invalid', 'the body is not an interaction')
        }),
      )
    } catch (caught) {
      const error = WgrokError.from(caught)
      this.#logger.warn('discord interaction refused', { code: error.code, error })
      return json(error.status, { code: error.code, detail: error.message })
    }
  }

  async discordInteraction(interaction: DiscordInteraction, signature: string): Promise<DiscordInteractionResponse> {
    if (interaction.type === INTERACTION.ping) return answerPing()
    // Before anything is awaited: two copies may come at the same time. Discord itself never repeats one.
    if (this.#seen.has(signature)) throw new WgrokError('auth-failed', 'the request was accepted before')
    this.#seen.set(signature, true)
    if (interaction.type === INTERACTION.autocomplete) return answerNoChoices()
    const read = readInteraction(interaction)
    if (read === 'form') return answerForm()
    if (read === 'foreign') return answerText('That is nothing that wgrok knows.')
    return this.#answer(interaction, this.#deliver(read))
  }

  /** The outcome as a sentence; never rejects. */
  async #deliver(message: InboundMessage): Promise<string> {
    try {
      const outcome = await this.#options.deliver(message)
      return SENTENCES[outcome?.status ?? 'accepted']
    } catch (caught) {
      const error = WgrokError.from(caught)
      this.#logger.warn('discord interaction was not taken', { code: error.code, error, messageId: message.id })
      return `Not taken (${error.code}). Try again later.`
    }
  }

  /** Answers in time, and fills in the rest when it is there. */
  async #answer(interaction: DiscordInteraction, outcome: Promise<string>): Promise<DiscordInteractionResponse> {
    const sentence = await inTime(outcome, this.#clock)
    if (sentence !== undefined) return answerText(sentence.value)
    const { application_id: applicationId, token } = interaction
    const { api } = this.#options
    if (api === undefined || applicationId === undefined || token === undefined) {
      return answerText('On its way; what becomes of it is not known yet.')
    }
    void outcome
      .then(content => api.editResponse(applicationId, token, { content, allowed_mentions: { parse: [] } }))
      .catch(error => this.#logger.warn('discord took no late answer', { code: WgrokError.from(error).code }))
    return answerLater()
  }
}

const SENTENCES: Readonly<Record<DeliverOutcome['status'], string>> = {
  accepted: 'Taken.',
  duplicate: 'Taken before.',
  ignored: 'That is no frame for wgrok.',
  refused: 'Refused.',
}
