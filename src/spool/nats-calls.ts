import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import type { Clock, Timer } from '../clock.js'
import { WgrokError } from '../errors.js'

interface Waiting {
  readonly timer: Timer
  readonly resolve: (answer: Msg) => void
  readonly reject: (error: WgrokError) => void
}

interface Outgoing {
  readonly subject: string
  readonly body: string
  readonly options: { readonly reply: string; readonly headers?: MsgHdrs }
  /** The call that it is; absent when nobody waits for it here. */
  readonly token?: string
}

/**
 * Writes to NATS what one turn of the event loop has brought together at its end, so that many lanes share one write,
 * and the server one read. Calls by the client itself go out one by one, and make an error each that nobody looks at.
 */
export class NatsCalls {
  readonly #connection: NatsConnection
  readonly #clock: Clock
  readonly #inbox: string
  readonly #waiting = new Map<string, Waiting>()
  #outgoing: Outgoing[] = []
  #calls = 0

  constructor(connection: NatsConnection, clock: Clock, inbox: string) {
    this.#connection = connection
    this.#clock = clock
    this.#inbox = inbox
    connection.subscribe(`${inbox}.*`, { callback: (_, answer) => this.#hear(answer) })
  }

  /** Sends; whoever listens there gets the answer. */
  send(subject: string, body: string, options: Outgoing['options']): void {
    this.#push({ subject, body, options })
  }

  /** @throws WgrokError `timeout`; `platform-unavailable` when nobody is there to answer; what the client says of it. */
  call(
    subject: string,
    body: string,
    { headers, timeout }: { readonly headers: MsgHdrs; readonly timeout: number },
  ): Promise<Msg> {
    const token = String(++this.#calls)
    return new Promise((resolve, reject) => {
      const late = (): void => this.#settle(token)?.reject(new WgrokError('timeout', 'NATS does not answer'))
      this.#waiting.set(token, { resolve, reject, timer: this.#clock.setTimeout(late, timeout) })
      this.#push({ subject, body, options: { reply: `${this.#inbox}.${token}`, headers }, token })
    })
  }

  /** Hands to the connection what waits for the end of this turn. */
  flush(): void {
    const outgoing = this.#outgoing
    this.#outgoing = []
    if (this.#connection.isClosed()) return
    for (const { body, options, subject, token } of outgoing) {
      try {
        this.#connection.publish(subject, body, options)
      } catch (error) {
        // The client refuses what is too large. What goes out next to it has nothing to do with that.
        if (token !== undefined) this.#settle(token)?.reject(WgrokError.from(error))
      }
    }
  }

  /** Nobody waits any longer. */
  close(error: WgrokError): void {
    this.flush()
    for (const token of [...this.#waiting.keys()]) this.#settle(token)?.reject(error)
  }

  #push(outgoing: Outgoing): void {
    if (this.#outgoing.length === 0) setImmediate(() => this.flush())
    this.#outgoing.push(outgoing)
  }

  #hear(answer: Msg): void {
    const waiting = this.#settle(answer.subject.slice(this.#inbox.length + 1))
    if (answer.headers?.code === 503) waiting?.reject(new WgrokError('platform-unavailable', 'JetStream is away'))
    else waiting?.resolve(answer)
  }

  #settle(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token)
    this.#waiting.delete(token)
    waiting?.timer.cancel()
    return waiting
  }
}
