import { WgrokError } from '../errors.js'
import { record, text, texts } from './input.js'
import type { Control, Input } from './testee.js'

/** Something that holds a socket. */
interface Held {
  send(args: Input): Promise<unknown>
  readonly delivered: unknown[]
  close(): Promise<void>
}

/** The roles of this library's bridge: server and client, as the notes of `bridge_cases.json` want them to behave. */
export class BridgeRoles {
  readonly #held = new Map<string, Held>()
  #count = 0

  /** Does what a driver asks for. @throws WgrokError */
  async control(control: Control): Promise<unknown> {
    switch (control.cmd) {
      case 'serve': {
        if (control.role !== 'bridge.server') throw unknown(control.role)
        const { url, held } = await serve(record({ config: control.config }, 'config'))
        return { url, handle: this.#keep(held) }
      }
      case 'connect': {
        if (control.role !== 'bridge.client') throw unknown(control.role)
        return { handle: this.#keep(await connect(control.url, (control.config ?? {}) as Input)) }
      }
      case 'call':
        if (control.method !== 'send') throw new WgrokError('unsupported', `no method ${control.method}`)
        return (await this.#get(control.handle).send((control.args ?? {}) as Input)) ?? null
      case 'observe':
        return { delivered: this.#get(control.handle).delivered.splice(0) }
      case 'close': {
        const held = this.#get(control.handle)
        this.#held.delete(control.handle)
        await held.close()
        return null
      }
    }
  }

  async close(): Promise<void> {
    const all = [...this.#held.values()]
    this.#held.clear()
    await Promise.all(all.map(held => held.close()))
  }

  #keep(held: Held): string {
    const handle = `h${++this.#count}`
    this.#held.set(handle, held)
    return handle
  }

  #get(handle: string): Held {
    const held = this.#held.get(handle)
    if (held === undefined) throw new WgrokError('target-not-found', 'no such handle')
    return held
  }
}

function unknown(role: string): WgrokError {
  return new WgrokError('unsupported', `no role ${role}`)
}

async function serve(config: Input): Promise<{ readonly url: string; readonly held: Held }> {
  const { BridgeServer } = await import('../bridge/server.js')
  const server = new BridgeServer({ tokens: [...texts(config, 'tokens')], port: 0 })
  const delivered: unknown[] = []
  server.onMessage(async (message, session) => {
    delivered.push(message)
    if (message.to !== '*') return message.content
    const { session_key, content, data } = message
    await server.send(session.platform, {
      ...(session_key === undefined ? {} : { session_key }),
      ...(content === undefined ? {} : { content }),
      ...(data === undefined ? {} : { data }),
    })
    return undefined
  })
  const { url } = await server.listen()
  const send = async ({ platform, ...message }: Input): Promise<unknown> => server.send(String(platform), message)
  return { url, held: { send, delivered, close: () => server.close() } }
}

async function connect(url: string, config: Input): Promise<Held> {
  const { BridgeClient } = await import('../bridge/client.js')
  const delivered: unknown[] = []
  const client = new BridgeClient({
    url,
    platform: text(config, 'platform'),
    token: text(config, 'token'),
    capabilities: texts(config, 'capabilities'),
    random: () => 0,
  }).onMessage(message => {
    delivered.push(message)
    return message.content
  })
  // The case, not the role, says whether this has to succeed.
  client.connect().catch(() => {})
  return { send: message => client.sendMessage(message), delivered, close: () => client.close() }
}
