import { createHmac, timingSafeEqual } from 'node:crypto'
import { LIMITS } from '../../../generated/limits.js'
import type { WebexCreateWebhook, WebexDelivery } from '../../../generated/models.js'
import { webexCreateWebhookCall, webexListWebhooksCall, webexUpdateWebhookCall } from '../../../generated/rest.js'
import { dispatchWebexHookReceives, type Undecoded, type WebexHookReceives } from '../../../generated/stubs.js'
import { type Clock, systemClock } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import { type Logger, silent } from '../../log.js'
import type { InboundMessage } from '../transport.js'
import type { Webhook, WebhookAnswer, WebhookCall } from '../webhook.js'
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
const JSON_TYPE = Object.freeze({ 'content-type': 'application/problem+json' })

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
  const header = call.headers['x-spark-signature']
  const given = Buffer.from(typeof header === 'string' ? header.toLowerCase() : '', 'latin1')
  const right = Buffer.from(createHmac('sha1', secret).update(call.rawBody).digest('hex'), 'latin1')
  // The length of a signature is no secret.
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new WgrokError('auth-failed', given.length === 0 ? 'the request is not signed' : 'the signature is wrong')
  }
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
      if (call.rawBody.length > bodyMax) throw new WgrokError('body-too-large', `limit is ${bodyMax} bytes`)
      verifyWebexSignature(call, secret)
      const refuse = (undecoded: Undecoded): Promise<WebhookAnswer> => Promise.reject(invalid(undecoded))
      return await dispatchWebexHookReceives(parse(call.rawBody), this, undefined, refuse)
    } catch (caught) {
      return this.#refuse(WgrokError.from(caught))
    }
  }

  async webexDelivery({ resource, event, data }: WebexDelivery): Promise<WebhookAnswer> {
    const kind = resource === 'messages' ? 'message' : resource === 'attachmentActions' ? 'action' : undefined
    if (kind === undefined || event !== 'created') return TAKEN
    const intake = await this.#open()
    await intake.take({ kind, uuid: rawId(data.id), room: data.roomId ?? '', host: '' }, data.id)
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
    this.#logger.warn('a Webex delivery was refused', { code: error.code, error })
    const status = error.status
    const body = JSON.stringify({ type: 'about:blank', title: error.code, status, code: error.code })
    return { status, headers: JSON_TYPE, body }
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
    } else if (known.status === 'inactive' || known.targetUrl !== targetUrl) {
      const body = { name, targetUrl, secret, status: 'active' } as const
      await api.call(webexUpdateWebhookCall, { params: { webhookId: known.id }, body, ...common })
    }
  }
}

function invalid(undecoded: Undecoded): WgrokError {
  const at = undecoded.operation === 'invalid' ? undecoded.errors[0]?.instancePath : undefined
  return new WgrokError(
    'envelope-invalid',
    `the delivery does not match the spec${at === undefined ? '' : ` at ${at}`}`,
  )
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}
