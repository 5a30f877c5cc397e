import type { IncomingHttpHeaders } from 'node:http'

/** A webhook request as the HTTP server hands it over. */
export interface WebhookCall {
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The body, byte for byte: signatures are over it. */
  readonly rawBody: Buffer
}

/** What to answer. */
export interface WebhookAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A platform's HTTP endpoint. */
export interface Webhook {
  /** Never rejects: what is wrong becomes a status. */
  handle(call: WebhookCall): Promise<WebhookAnswer>
}
