import { createHmac } from 'node:crypto'
import { LIMITS } from '../../../generated/limits.js'
import type { WebexCreateWebhook, WebexDelivery } from '../../../generated/models.js'
import { webexCreateWebhookCall, webexListWebhooksCall, webexUpdateWebhookCall } from '../../../generated/rest.js'
import { dispatchWebexHookReceives, type Undecoded, type WebexHookReceives } from '../../../generated/stubs.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { InboundMessage } from '../transport.js'
import {
  assertSignature,
  assertSize,
  inTime,
  json,
  parse,
  single,
  tooLate,
  type Webhook,
  type WebhookAnswer,
  type WebhookCall,
} from '../webhook.js'
import type { WebexApi } from './api.js'
import { askSelf } from './identity.js'
import { rawId } from './ids.js'
import { Intake } from './intake.js'

/** Options of {@link createWebexWebhook}. */
export interface WebexWebhookOptions {
  /** Secret that the webhooks were registered with. */
  readonly secret: string
  readonly api: WebexApi
  /** Resolves once the message is accepted for good; Webex gets its 200 after that. */
  readonly deliver: (message: InboundMessage) => Promise<void>
  readonly clock?: Clock
  readonly random?: () => number
  readonly logger?: Logger
  readonly signal?: AbortSignal
  /** Largest body in bytes. Default `LIMITS.webhookBody`. */
  readonly bodyMax?: number
}

const TAKEN: WebhookAnswer = Object.freeze({ status: 200 })
/** Webex gives up soon and does not try again; what takes longer is accepted all the same, if it is. */
const WEBEX_WAITS = 10_000

/** Webex's HTTP endpoint: messages and card actions. It opens nothing before the first call. */
export function createWebexWebhook(options: WebexWebhookOptions): Webhook {
  return new DeliveryWebhook(options)
}

/**
 * Checks the signature of a delivery: HMAC-SHA1 over the body in `X-Spark-Signature`, in constant time.
 *
 * There is no timestamp in it: a replay is recognised by the id of what it announces.
 *
 * @throws WgrokError `auth-failed`
 */
export function verifyWebexSignature(call: WebhookCall, secret: string): void {
  const given = single(call.headers['x-spark-signature'])?.toLowerCase()
  assertSignature(given, createHmac('sha1', secret).update(call.rawBody).digest('hex'))
}

class DeliveryWebhook implements Webhook, WebexHookReceives<void, Promise<WebhookAnswer>> {
  readonly #options: WebexWebhookOptions
  readonly #logger: Logger
  readonly #signal: AbortSignal
  #intake: Promise<Intake> | undefined

  constructor(options: WebexWebhookOptions) {
    this.#options = options
    this.#logger = options.logger ?? silent
    this.#signal = options.signal ?? new AbortController().signal
  }

  async handle(call: WebhookCall): Promise<WebhookAnswer> {
    const { bodyMax = LIMITS.webhookBody, secret } = this.#options
    try {
      assertSize(call, bodyMax)
      verifyWebexSignature(call, secret)
      const refuse = (undecoded: Undecoded): Promise<WebhookAnswer> => Promise.reject(invalid(undecoded))
      return await dispatchWebexHookReceives(parse(call.rawBody), this, undefined, refuse)
    } catch (caught) {
      return this.#refuse(WgrokError.from(caught))
    }
  }

  /** @throws WgrokError `auth-failed` for what was accepted before: there is no other guard against replay. */
  async webexDelivery({ resource, event, data }: WebexDelivery): Promise<WebhookAnswer> {
    const kind = resource === 'messages' ? 'message' : resource === 'attachmentActions' ? 'action' : undefined
    if (kind === undefined || event !== 'created') return TAKEN
    const intake = await this.#open()
    const uuid = rawId(data.id)
    if (intake.knows(uuid)) throw new WgrokError('auth-failed', 'the delivery was accepted before')
    return this.#inTime(intake.take({ kind, uuid, room: rawId(data.roomId ?? ''), host: '' }, data.id))
  }

  async #inTime(taken: Promise<void>): Promise<WebhookAnswer> {
    const { clock = systemClock } = this.#options
    if ((await inTime(taken, clock, WEBEX_WAITS)) === undefined) throw tooLate(WEBEX_WAITS)
    return TAKEN
  }

  #open(): Promise<Intake> {
    const { api, clock = systemClock, deliver, random = Math.random } = this.#options
    const [logger, signal] = [this.#logger, this.#signal]
    this.#intake ??= askSelf(api, signal).then(
      self => new Intake({ api, self, clusterOf: () => 'us', deliver, clock, random, logger, signal }),
      error => {
        this.#intake = undefined
        throw error
      },
    )
    return this.#intake
  }

  #refuse(error: WgrokError): WebhookAnswer {
    const { code, status } = error
    this.#logger.warn('a request in the name of Webex was refused', { code, status, error })
    return json(status, { code })
  }
}

/** What a webhook registration is for. */
export interface WebexRegistration {
  /** Public URL of the endpoint. */
  readonly targetUrl: string
  readonly secret: string
  readonly signal?: AbortSignal
}

const RESOURCES = ['messages', 'attachmentActions'] as const

/**
 * Registers the webhooks of this account, or mends those that are there: Webex deactivates what failed too often.
 *
 * @throws WgrokError as REST calls do
 */
export async function registerWebexWebhooks(api: WebexApi, registration: WebexRegistration): Promise<void> {
  const { targetUrl, secret } = registration
  const common = registration.signal === undefined ? {} : { signal: registration.signal }
  const { items } = await api.call(webexListWebhooksCall, { params: { max: '100' }, ...common })
  for (const resource of RESOURCES) {
    const name = `wgrok ${resource}`
    const known = items.find(webhook => webhook.name === name && webhook.resource === resource)
    if (known === undefined) {
      const body: WebexCreateWebhook = { name, targetUrl, resource, event: 'created', secret }
      await api.call(webexCreateWebhookCall, { params: {}, body, ...common })
    } else {
      // Always: Webex does not tell whether the secret is the same.
      const body = { name, targetUrl, secret, status: 'active' } as const
      await api.call(webexUpdateWebhookCall, { params: { webhookId: known.id }, body, ...common })
    }
  }
}

function invalid(undecoded: Undecoded): WgrokError {
  const at = undecoded.operation === 'invalid' ? undecoded.errors[0]?.instancePath : undefined
  return new WgrokError('body-invalid', `the body does not match the spec${at ? ` at ${at}` : ''}`)
}
