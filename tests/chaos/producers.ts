import { BridgeClient } from '../../src/bridge/client.js'
import { frameOf, type Ledger, type Target } from './ledger.js'

/** Which of two platforms a message goes to. Discord takes 50 a second of a bot, so it gets a tenth. */
export function targetOf(number: number): Target {
  return number % 10 === 0 ? 'discord' : 'slack'
}

/** Options of a producer. */
export interface ProducerOptions {
  readonly stream: string
  readonly count: number
  readonly port: number
  readonly ledger: Ledger
  /** Called after each accepted message. */
  readonly tick: () => void
}

/** Posts one message after the other; each again and again, under the same key, until it is accepted. */
export async function postAll(options: ProducerOptions & { readonly secret: string }): Promise<void> {
  const { count, ledger, port, secret, stream, tick } = options
  for (let number = 0; number < count; number++) {
    const target = targetOf(number)
    // A caller has so many requests a minute; here are many callers.
    const body = JSON.stringify({ text: frameOf(stream, target, number), from: `${stream}.${number >> 9}@example.com` })
    const headers = {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/json',
      'idempotency-key': `${stream}-${number}`,
    }
    for (;;) {
      const status = await fetch(`http://127.0.0.1:${port}/wgrok`, { method: 'POST', headers, body }).then(
        async response => {
          await response.arrayBuffer()
          return response.status
        },
        () => 0,
      )
      if (status === 202) break
      if (status !== 0 && status !== 429 && status < 500) throw new Error(`the router answered ${status}`)
      await new Promise(resolve => setTimeout(resolve, status === 429 ? 1_000 : 50))
    }
    ledger.accept(stream, target, number)
    tick()
  }
}

/** Sends over one bridge connection that comes back by itself; what it took is accepted, whatever happens to the router. */
export async function sendAll(
  options: ProducerOptions & { readonly token: string },
): Promise<{ close(): Promise<void> }> {
  const { count, ledger, port, stream, tick, token } = options
  const client = new BridgeClient({ url: `ws://agents:${token}@127.0.0.1:${port}`, random: () => 0.1 })
  client.onMessage(() => {})
  void client.connect().catch(() => {})
  for (let number = 0; number < count; ) {
    const target = targetOf(number)
    try {
      await client.sendMessage(frameOf(stream, target, number), { id: `${stream}-${number}` })
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== 'lane-full') throw error
      await new Promise(resolve => setTimeout(resolve, 20))
      continue
    }
    ledger.accept(stream, target, number)
    tick()
    number++
  }
  return client
}
