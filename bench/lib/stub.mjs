/** A transport without a network: `deliver` puts a message in, `sent` counts what goes out. */
export class StubTransport {
  platform = 'webex'
  limit = { size: 7439, unit: 'utf8-bytes' }
  sent = 0
  last = undefined
  #waiting = undefined
  #end = Promise.withResolvers?.() ?? deferred()

  async listen(deliver) {
    this.deliver = deliver
  }

  /** As little as a promise can be. */
  async send(to, message) {
    this.sent++
    this.last = [to.id, message.text]
    if (this.#waiting !== undefined && this.sent >= this.#waiting.count) this.#waiting.resolve()
    return { messageId: `sent-${this.sent}`, platformResponse: null }
  }

  /** Resolves when so many messages have gone out in all. */
  until(count) {
    if (this.sent >= count) return Promise.resolve()
    return new Promise(resolve => {
      this.#waiting = { count, resolve }
    })
  }

  async *status() {
    yield { state: 'live', since: Date.now() }
    await this.#end.promise
  }

  async close() {
    this.#end.resolve()
  }
}

function deferred() {
  let resolve
  const promise = new Promise(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

/**
 * More messages than any dedupe remembers, so that the same ones can come by again and again. Their making is not part
 * of what is measured.
 */
export function messagePool(textOf, size = 110_000) {
  const senders = Array.from({ length: 64 }, (_, i) => ({ principals: [`user${i}@example.com`] }))
  const rooms = Array.from({ length: 64 }, (_, i) => ({ platform: 'webex', kind: 'room', id: `room-${i}` }))
  const cards = []
  return Array.from({ length: size }, (_, i) => ({
    platform: 'webex',
    id: `message-${i}`,
    text: textOf(i),
    cards,
    sender: senders[i % 64],
    conversation: rooms[i % 64],
  }))
}

/** Dedupe in two generations, as small as it gets. */
export function handDedupe() {
  let young = new Set()
  let old = new Set()
  return id => {
    if (young.has(id) || old.has(id)) return false
    if (young.size >= 50_000) {
      old = young
      young = new Set()
    }
    young.add(id)
    return true
  }
}
