import { WgrokError } from '../errors.js'
import type { InboundMessage, Transport } from '../transport/transport.js'

/**
 * A transport that is opened at first use, once: calls that come while it opens share the attempt. An attempt that
 * failed is forgotten, so that the next call tries anew.
 */
export class LazyTransport {
  readonly #factory: () => Promise<Transport>
  #opening: Promise<Transport> | undefined
  #listening: Promise<void> | undefined
  #closed = false

  constructor(factory: () => Promise<Transport>) {
    this.#factory = factory
  }

  /** @throws WgrokError `closed` after {@link close}, else whatever opening throws. */
  open(): Promise<Transport> {
    if (this.#closed) return Promise.reject(closedError())
    this.#opening ??= this.#factory().catch(error => {
      this.#opening = undefined
      throw WgrokError.from(error)
    })
    return this.#opening
  }

  /** Opens and listens, once; resolves when live. Later calls share the first one's `deliver`. */
  listen(deliver: (message: InboundMessage) => Promise<void>): Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    this.#listening ??= this.open()
      .then(transport => transport.listen(deliver))
      .catch(error => {
        this.#listening = undefined
        throw WgrokError.from(error)
      })
    return this.#listening
  }

  /** Idempotent. Waits for an attempt to open that is under way, so that its socket does not stay behind. */
  async close(): Promise<void> {
    this.#closed = true
    const transport = await this.#opening?.catch(() => undefined)
    await transport?.close()
  }
}

function closedError(): WgrokError {
  return new WgrokError('closed', 'this object was closed')
}
