import { createHmac, randomUUID } from 'node:crypto'
import { LIMITS } from '../../../generated/limits.js'
import type { SlackAppRateLimited, SlackEventCallback, SlackUrlVerification } from '../../../generated/models.js'
import { dispatchSlackHookReceives, type SlackHookReceives } from '../../../generated/stubs.js'
import { validateSlackSlashCommand } from '../../../generated/validators.js'
import { ExpiringMap } from '../../bus/expiring-map.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { InboundMessage } from '../transport.js'
import {
  assertRecent,
  assertSignature,
  assertSize,
  inTime,
  json,
  parse,
  REPLAY_TTL,
  single,
  tooLate,
  type Webhook,
  type WebhookAnswer,
  type WebhookCall,
} from '../webhook.js'
import type { SlackDirectory } from './identity.js'
import { type Heard, readCommand, readEvent, readInteraction } from './inbound.js'
import { Intake } from './intake.js'

/** Options of {@link createSlackWebhook}. */
export interface SlackWebhookOptions {
  /** The app's signing secret. */
  readonly signingSecret: string
  readonly directory: SlackDirectory
  /** Resolves once the message is accepted for good; Slack gets its 200 after that. */
  readonly deliver: (message: InboundMessage) => Promise<void>
  readonly clock?: Clock
  readonly logger?: Logger
  /** Largest body in bytes. Default `LIMITS.webhookBody`. */
  readonly bodyMax?: number
}

const TAKEN: WebhookAnswer = Object.freeze({ status: 200 })

/** Makes the endpoint; it opens nothing. */
export function createSlackWebhook(options: SlackWebhookOptions): Webhook {
  return new SlackEndpoint(options)
}

/**
 * Checks the signature of a request: HMAC-SHA256 over `v0:<timestamp>:<body>`, in constant time.
 *
 * @throws WgrokError `auth-failed` when it is missing, wrong, or more than five minutes from now, before or after.
 */
export function verifySlackSignature(call: WebhookCall, signingSecret: string, now: number): string {
  const timestamp = single(call.headers['x-slack-request-timestamp'])
  const signature = single(call.headers['x-slack-signature'])
  if (timestamp === undefined || signature === undefined || !/^[0-9]{1,12}$/.test(timestamp)) {
    throw new WgrokError('auth-failed', 'the request is not signed')
  }
  const digest = createHmac('sha256', signingSecret).update(`v0:${timestamp}:`).update(call.rawBody).digest('hex')
  assertSignature(signature, `v0=${digest}`)
  assertRecent(timestamp, now)
  return signature
}

class SlackEndpoint implements Webhook, SlackHookReceives<void, Promise<WebhookAnswer>> {
  readonly #options: SlackWebhookOptions
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #intake: Intake
  readonly #seen: ExpiringMap<true>

  constructor(options: SlackWebhookOptions) {
    const { clock = systemClock, logger = silent, directory, deliver } = options
    this.#options = options
    this.#clock = clock
    this.#logger = logger
    this.#intake = new Intake({ directory, deliver, clock })
    this.#seen = new ExpiringMap({ ttl: REPLAY_TTL, max: LIMITS.dedupeMax, clock })
  }

  async handle(call: WebhookCall): Promise<WebhookAnswer> {
    const { signingSecret, bodyMax = LIMITS.webhookBody } = this.#options
    try {
      assertSize(call, bodyMax)
      const signature = verifySlackSignature(call, signingSecret, this.#clock.now())
      if (this.#seen.has(signature)) throw new WgrokError('auth-failed', 'the request was accepted before')
      const answer = await this.#read(call)
      this.#seen.set(signature, true)
      return answer
    } catch (caught) {
      return this.#refuse(WgrokError.from(caught))
    }
  }

  async slackVerification({ challenge }: SlackUrlVerification): Promise<WebhookAnswer> {
    return json(200, { challenge })
  }

  async slackCallback(callback: SlackEventCallback): Promise<WebhookAnswer> {
    const heard = readEvent(callback, await this.#options.directory.self())
    return this.#take(heard === undefined ? [] : [heard])
  }

  async slackRateLimited({ minute_rate_limited: minute }: SlackAppRateLimited): Promise<WebhookAnswer> {
    this.#logger.warn('Slack holds events back: more than 30,000 in an hour', { minute })
    return TAKEN
  }

  async #read(call: WebhookCall): Promise<WebhookAnswer> {
    const type = single(call.headers['content-type'])?.split(';')[0]?.trim().toLowerCase()
    const body = call.rawBody.toString('utf8')
    if (type === 'application/x-www-form-urlencoded') return this.#readForm(new URLSearchParams(body))
    if (type !== 'application/json')
      throw new WgrokError('media-type-unsupported', 'the body is neither JSON nor a form')
    return dispatchSlackHookReceives(parse(body), this, undefined, async undecoded => {
      const where = undecoded.operation === 'invalid' ? undecoded.errors[0]?.instancePath : undefined
      throw new WgrokError('body-invalid', `the body does not match the spec${where ? ` at ${where}` : ''}`)
    })
  }

  /** Slash commands are forms; buttons and dialogs a form with JSON in it. */
  async #readForm(form: URLSearchParams): Promise<WebhookAnswer> {
    if (form.get('ssl_check') === '1') return TAKEN
    const payload = form.get('payload')
    if (payload !== null) {
      const interaction = parse(payload)
      if (typeof interaction !== 'object' || interaction === null) {
        throw new WgrokError('body-invalid', 'the payload of the form is not JSON')
      }
      return this.#take(readInteraction(interaction as Readonly<Record<string, unknown>>, randomUUID()))
    }
    const command: unknown = Object.fromEntries(form)
    if (!validateSlackSlashCommand(command)) {
      throw new WgrokError('body-invalid', 'the form is not a slash command')
    }
    const heard = readCommand(command, randomUUID())
    return this.#take(heard === undefined ? [] : [heard])
  }

  /** 200 after acceptance; in time to be asked again when that takes too long. */
  async #take(heard: readonly Heard[]): Promise<WebhookAnswer> {
    if (heard.length === 0) return TAKEN
    if ((await inTime(Promise.all(heard.map(one => this.#intake.accept(one))), this.#clock)) === undefined)
      throw tooLate()
    return TAKEN
  }

  #refuse(error: WgrokError): WebhookAnswer {
    this.#logger.warn('a request in the name of Slack was refused', { code: error.code, status: error.status, error })
    const { code, status, retryable } = error
    const again = retryable || status >= 500
    // What is wrong for good is not worth three more attempts.
    return json(status, { code }, again ? {} : { 'x-slack-no-retry': '1' })
  }
}
