import { LIMITS } from '../../generated/limits.js'
import { type Clock, systemClock } from '../clock.js'
import { type Logger, silent } from '../log.js'
import { Deque } from './deque.js'
import type { Appended, DeadLetter, DeathCause, Delivery, LaneStats, Spool, SpoolEntry, SpoolStats } from './spool.js'

/** Options of a {@link MemorySpool}. */
export interface MemorySpoolOptions {
  /** Messages held per lane. Default `LIMITS.laneMax`. */
  readonly laneMax?: number
  /** Dead letters kept. Default `LIMITS.laneMax`. */
  readonly deadMax?: number
  readonly clock?: Clock
  readonly logger?: Logger
}

interface Lane {
  readonly name: string
  readonly waiting: Deque<SpoolEntry>
  lent: SpoolEntry | undefined
  /** Was lent and came back; goes before what waits. */
  returned: SpoolEntry | undefined
}

/** The lent entry leaves its lane. */
type End = (lane: Lane, entry: SpoolEntry, cause?: DeathCause) => void

/**
 * A spool that a restart empties. A lane that is full drops its oldest message with a warning, as the published
 * implementations do.
 */
export class MemorySpool implements Spool {
  readonly name = 'memory'
  readonly durable = false
  readonly #lanes = new Map<string, Lane>()
  readonly #held = new Set<string>()
  readonly #dead = new Map<string, DeadLetter>()
  readonly #laneMax: number
  readonly #deadMax: number
  readonly #clock: Clock
  readonly #logger: Logger
  #ready: (lane: string) => void = () => {}
  #messages = 0
  #bytes = 0
  #dropped = 0

  constructor(options: MemorySpoolOptions = {}) {
    this.#laneMax = options.laneMax ?? LIMITS.laneMax
    this.#deadMax = options.deadMax ?? LIMITS.laneMax
    this.#clock = options.clock ?? systemClock
    this.#logger = options.logger ?? silent
  }

  start(ready: (lane: string) => void): void {
    this.#ready = ready
    for (const lane of [...this.#lanes.keys()]) ready(lane)
  }

  append(entry: SpoolEntry): Appended {
    let lane = this.#lanes.get(entry.lane)
    if (lane === undefined) {
      lane = { name: entry.lane, waiting: new Deque(), lent: undefined, returned: undefined }
      this.#lanes.set(entry.lane, lane)
    }
    if (lane.waiting.length >= this.#laneMax) this.#drop(lane)
    lane.waiting.push(entry)
    this.#messages++
    this.#bytes += entry.text.length
    this.#ready(entry.lane)
    return 'accepted'
  }

  take(name: string): Delivery | undefined {
    const lane = this.#lanes.get(name)
    if (lane === undefined || lane.lent !== undefined) return undefined
    const entry = lane.returned ?? lane.waiting.shift()
    if (entry === undefined) return undefined
    lane.returned = undefined
    lane.lent = entry
    return new Lent(lane, entry, this.#end)
  }

  hold(lane: string, held: boolean): void {
    if (held) this.#held.add(lane)
    else this.#held.delete(lane)
  }

  isHeld(lane: string): boolean {
    return this.#held.has(lane)
  }

  held(): readonly string[] {
    return [...this.#held]
  }

  lanes(): readonly LaneStats[] {
    return [...this.#lanes].map(([lane, { lent, returned, waiting }]) => ({
      lane,
      messages: waiting.length + (lent === undefined && returned === undefined ? 0 : 1),
      held: this.#held.has(lane),
    }))
  }

  stats(): SpoolStats {
    return {
      messages: this.#messages,
      bytes: this.#bytes,
      lanes: this.#lanes.size,
      dead: this.#dead.size,
      dropped: this.#dropped,
      refusing: undefined,
    }
  }

  dead(limit: number = this.#deadMax): readonly DeadLetter[] {
    return [...this.#dead.values()].slice(0, limit)
  }

  replay(id: string): boolean {
    const letter = this.#dead.get(id)
    if (letter === undefined) return false
    this.#dead.delete(id)
    this.append(letter.entry)
    return true
  }

  discard(id: string): boolean {
    return this.#dead.delete(id)
  }

  close(): void {
    this.#lanes.clear()
    this.#messages = 0
    this.#bytes = 0
  }

  #drop(lane: Lane): void {
    const oldest = lane.waiting.shift()
    if (oldest === undefined) return
    this.#forget(oldest)
    this.#dropped++
    this.#logger.warn('lane is full: the oldest message was dropped', {
      code: 'lane-full',
      lane: oldest.lane,
      messageId: oldest.id,
      dropped: this.#dropped,
    })
  }

  /** The lent entry leaves its lane, for good or to the dead letters. */
  readonly #end: End = (lane, entry, cause) => {
    if (lane.lent !== entry) return
    lane.lent = undefined
    this.#forget(entry)
    if (cause !== undefined) this.#bury(entry, cause)
    if (lane.waiting.length === 0) this.#lanes.delete(lane.name)
  }

  #bury(entry: SpoolEntry, cause: DeathCause): void {
    const oldest = this.#dead.size >= this.#deadMax ? this.#dead.keys().next().value : undefined
    if (oldest !== undefined) this.#dead.delete(oldest)
    this.#dead.set(entry.id, { entry, ...cause, diedAt: this.#clock.now() })
  }

  #forget(entry: SpoolEntry): void {
    this.#messages--
    this.#bytes -= entry.text.length
  }
}

/** A class, so that a message costs one object and no closures. */
class Lent implements Delivery {
  readonly entry: SpoolEntry
  readonly redelivered = 0
  readonly #lane: Lane
  readonly #end: End

  constructor(lane: Lane, entry: SpoolEntry, end: End) {
    this.entry = entry
    this.#lane = lane
    this.#end = end
  }

  ack(): void {
    this.#end(this.#lane, this.entry)
  }

  bury(cause: DeathCause): void {
    this.#end(this.#lane, this.entry, cause)
  }

  release(): void {
    if (this.#lane.lent !== this.entry) return
    this.#lane.lent = undefined
    this.#lane.returned = this.entry
  }
}
