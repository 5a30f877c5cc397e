import { backoff, type Timer } from '../../clock.js'
import { WgrokError } from '../../errors.js'
import type { Logger } from '../../log.js'
import { failureOf } from './failures.js'
import type { IrcLine } from './framework.js'
import type { Link } from './link.js'

/** Options of {@link Rooms}. */
export interface RoomsOptions {
  readonly link: Link
  /** Channels to be in all the time. */
  readonly channels: readonly string[]
  readonly random: () => number
  readonly logger: Logger
  /** Called for each line that is written past the flood queue. */
  readonly charge: () => void
}

interface Room {
  readonly name: string
  state: 'out' | 'asked' | 'in'
  /** Why the server did not let us in. */
  error?: WgrokError
  attempt: number
  timer?: Timer
  readonly waiting: Set<() => void>
}

/** For an answer to JOIN. */
const JOIN_TIMEOUT = 20_000
const REJOIN_MIN = 2_000
const REJOIN_BASE = 5_000
const REJOIN_MAX = 300_000
/** Numerics that answer a JOIN. */
const REFUSALS: ReadonlySet<string> = new Set([
  ...['403', '405', '407', '437', '471', '473', '474', '475', '476', '477', '489'],
])

/** The channels of one connection: joined, and joined again after a kick or a refusal, ever more slowly. */
export class Rooms {
  readonly #options: RoomsOptions
  readonly #rooms = new Map<string, Room>()

  constructor(options: RoomsOptions) {
    this.#options = options
    for (const name of options.channels) this.#room(name)
  }

  /** Channels that we are in, as the configuration writes them. */
  get joined(): readonly string[] {
    return [...this.#rooms.values()].filter(({ state }) => state === 'in').map(({ name }) => name)
  }

  /** Whether we were in the channel, and are about to join it again. */
  isReturning(channel: string): boolean {
    const room = this.#rooms.get(this.#options.link.fold(channel))
    return room !== undefined && room.state !== 'in' && room.error === undefined
  }

  /** Why the server does not let us into the channel; undefined where it does. */
  problem(channel: string): WgrokError | undefined {
    return this.#rooms.get(this.#options.link.fold(channel))?.error
  }

  /**
   * Joins all, and resolves when the server has answered for each of them.
   *
   * @throws WgrokError when it refused every one: the first one's reason.
   */
  async join(): Promise<void> {
    const rooms = [...this.#rooms.values()]
    const answers = rooms.map(room => this.#answer(room))
    this.#ask(rooms)
    await Promise.all(answers)
    if (rooms.every(({ state }) => state !== 'in')) {
      throw rooms.find(({ error }) => error !== undefined)?.error ?? new WgrokError('connection-lost', 'not joined')
    }
  }

  /**
   * Resolves when we are in the channel; joins it where nobody asked for it before.
   *
   * @throws WgrokError what the server refused it with; the reason of `signal`.
   */
  async ensure(channel: string, signal: AbortSignal): Promise<void> {
    const known = this.#rooms.has(this.#options.link.fold(channel))
    const room = this.#room(channel)
    if (room.state === 'in') return
    if (room.error !== undefined) throw room.error
    const answered = this.#answer(room, signal)
    if (!known) this.#ask([room])
    await answered
    if (room.error !== undefined) throw room.error
    if (!this.joined.includes(room.name)) throw new WgrokError('connection-lost', 'the IRC connection was lost')
  }

  /** Tells of a line; returns whether it was the answer to a JOIN. */
  heard(line: IrcLine): boolean {
    const { command, params, nick } = line
    const { link } = this.#options
    if (command === 'JOIN' && link.isOwn(nick)) this.#entered(params[0] ?? '')
    else if (command === 'PART' && link.isOwn(nick)) this.#left(params[0] ?? '', 'parted')
    else if (command === 'KICK' && link.isOwn(params[1] ?? '')) this.#left(params[0] ?? '', 'kicked')
    else if (command === '470') return this.#refused(params[1] ?? '', forwarded())
    else if (REFUSALS.has(command)) {
      const error = failureOf(command)
      return error !== undefined && this.#refused(params[1] ?? '', error)
    }
    return false
  }

  /** Everybody who waits is let go: the connection is gone, and its timers with it. */
  close(): void {
    for (const room of this.#rooms.values()) {
      room.state = 'out'
      this.#settle(room)
    }
  }

  #room(name: string): Room {
    const key = this.#options.link.fold(name)
    let room = this.#rooms.get(key)
    if (room === undefined) {
      room = { name, state: 'out', attempt: 0, waiting: new Set() }
      this.#rooms.set(key, room)
    }
    return room
  }

  #ask(rooms: readonly Room[]): void {
    const { link, charge } = this.#options
    for (const room of rooms) {
      room.state = 'asked'
      room.timer?.cancel()
      room.timer = link.after(JOIN_TIMEOUT, () =>
        this.#refused(room.name, new WgrokError('timeout', 'the server does not answer JOIN')),
      )
    }
    link.write(`JOIN ${rooms.map(({ name }) => name).join(',')}`)
    charge()
  }

  #entered(channel: string): void {
    const { link, logger } = this.#options
    const room = this.#rooms.get(link.fold(channel))
    if (room === undefined) {
      // Forwarded: nobody said that what we have to say may be heard there.
      logger.warn('the server put us into a channel that was not asked for; leaving it')
      link.write(`PART ${channel}`)
      return
    }
    room.timer?.cancel()
    room.state = 'in'
    delete room.error
    this.#settle(room)
    // Whoever is kicked time and again waits longer.
    room.timer = link.after(60_000, () => {
      room.attempt = 0
    })
  }

  #left(channel: string, how: string): void {
    const room = this.#rooms.get(this.#options.link.fold(channel))
    if (room === undefined || room.state !== 'in') return
    room.state = 'out'
    this.#options.logger.warn('we are no longer in a channel', { channel: room.name, how })
    this.#later(room)
  }

  #refused(channel: string, error: WgrokError): boolean {
    const room = this.#rooms.get(this.#options.link.fold(channel))
    if (room === undefined || room.state !== 'asked') return false
    room.state = 'out'
    room.error = error
    this.#options.logger.warn('the server does not let us into a channel', {
      channel: room.name,
      code: error.code,
      error,
    })
    this.#later(room)
    this.#settle(room)
    return true
  }

  #later(room: Room): void {
    const { link, random } = this.#options
    const wait = backoff({ attempt: room.attempt++, base: REJOIN_BASE, max: REJOIN_MAX, random })
    room.timer?.cancel()
    room.timer = link.after(Math.max(REJOIN_MIN, wait), () => this.#ask([room]))
  }

  #answer(room: Room, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(WgrokError.from(signal.reason, 'aborted'))
      const abort = (): void => {
        room.waiting.delete(done)
        reject(WgrokError.from(signal?.reason, 'aborted'))
      }
      const done = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      room.waiting.add(done)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #settle(room: Room): void {
    const waiting = [...room.waiting]
    room.waiting.clear()
    for (const done of waiting) done()
  }
}

function forwarded(): WgrokError {
  return new WgrokError('forbidden', 'the channel forwards to another one, which nobody asked for (470)')
}
