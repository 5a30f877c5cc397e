import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import type net from 'node:net'
import { WgrokError } from '../../errors.js'

/** A line as irc-framework parses it. */
export interface IrcLine {
  /** Names in lower case, values unescaped. */
  readonly tags: Readonly<Record<string, string>>
  /** `nick!user@host` or the server's name; empty where the line has none. */
  readonly prefix: string
  readonly nick: string
  readonly ident: string
  readonly hostname: string
  /** In upper case; numerics as three digits. */
  readonly command: string
  readonly params: readonly string[]
}

/** The part of irc-framework's client that we use. It brings no types. */
export interface FrameworkClient {
  readonly connection: {
    on(event: 'message', listener: (line: IrcLine) => void): unknown
    write(line: string): unknown
    end(): void
  }
  readonly network: {
    readonly options: Readonly<Record<string, unknown>>
    readonly cap: {
      readonly available: ReadonlyMap<string, string>
      requested: string[]
      isEnabled(name: string): boolean
    }
    isChannelName(name: string): boolean
    extractTargetGroup(target: string): { readonly target: string } | null
  }
  readonly raw_middleware: {
    use(fn: (command: string, line: IrcLine, raw: string, client: unknown, next: () => void) => void): void
  }
  /** Called when the transport is open; we replace it, since PASS depends on what CAP LS says. */
  registerToNetwork: () => void
  requestCap(names: readonly string[]): void
  caseLower(text: string): string
  connect(options: Readonly<Record<string, unknown>>): void
  on(event: 'socket close', listener: () => void): unknown
  on(event: 'sasl failed', listener: (event: { readonly reason: string }) => void): unknown
  removeAllListeners(): unknown
}

/** irc-framework, as far as we use it. */
export interface Framework {
  readonly Client: new () => FrameworkClient
  ircLineParser(line: string): IrcLine | undefined
}

/** Longest line that is read: 8,191 bytes of tags and 512 of the rest, with room for servers that allow more. */
const LINE_MAX = 16_384

/**
 * Loads irc-framework, which is CommonJS, at its first use.
 *
 * @throws WgrokError `dependency-missing`.
 */
export function loadFramework(): Framework {
  try {
    return createRequire(import.meta.url)('irc-framework') as Framework
  } catch (cause) {
    const message = 'IRC needs the package irc-framework: npm install irc-framework'
    throw new WgrokError('dependency-missing', message, { cause })
  }
}

/** One line as irc-framework reads it. @throws WgrokError `dependency-missing`. */
export function parseLine(line: string): IrcLine | undefined {
  return loadFramework().ircLineParser(line)
}

/** The transport class that irc-framework is given instead of its own: it runs over a socket that is connected. */
export function transportOver(socket: net.Socket): new () => EventEmitter {
  return class extends SocketTransport {
    constructor() {
      super(socket)
    }
  }
}

/** What irc-framework expects of a transport (`src/transports/net.js`), without its dialing and timeouts. */
class SocketTransport extends EventEmitter {
  readonly #socket: net.Socket
  #rest = Buffer.alloc(0)
  #skipping = false

  constructor(socket: net.Socket) {
    super()
    this.#socket = socket
  }

  isConnected(): boolean {
    return !this.#socket.destroyed
  }

  connect(): void {
    const socket = this.#socket
    // A line that is written late must not wait for the ack of the one before.
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    socket.on('close', () => this.emit('close', false))
    queueMicrotask(() => this.emit('open'))
  }

  writeLine(line: string, done?: () => void): void {
    if (this.#socket.writable) this.#socket.write(`${line}\r\n`, done)
    else if (done !== undefined) process.nextTick(done)
  }

  close(force: boolean): void {
    if (force) this.#socket.destroy()
    else this.#socket.end()
  }

  disposeSocket(): void {
    this.#socket.destroy()
  }

  setEncoding(): boolean {
    return true
  }

  #read(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const part = chunk.subarray(start, end)
      const line = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part])
      start = end + 1
      this.#rest = Buffer.alloc(0)
      if (!this.#skipping && line.length <= LINE_MAX) this.emit('line', line.toString('utf8'))
      this.#skipping = false
    }
    if (this.#skipping) return
    this.#rest = Buffer.concat([this.#rest, chunk.subarray(start)])
    if (this.#rest.length > LINE_MAX) {
      this.#rest = Buffer.alloc(0)
      this.#skipping = true
    }
  }
}
