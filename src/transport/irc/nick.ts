/** Nicks tried in registration at most before the connection is given up for now. */
const TRIES_MAX = 20
/** RFC 1459's length, which every server allows. */
const LENGTH_MIN = 9

/**
 * Which nick to ask for: ours, then `nick_1`, `nick_2` … while it is taken, shortened where the server refuses the
 * length. A ghost of our own last connection is the usual reason.
 */
export class NickPolicy {
  readonly wanted: string
  #tries = 0
  #max: number

  /** @param max longest nick that the server allows, where it is known */
  constructor(wanted: string, max: number = Number.POSITIVE_INFINITY) {
    this.wanted = wanted
    this.#max = max
  }

  /** The nick to ask for now. */
  get current(): string {
    const suffix = this.#tries === 0 ? '' : `_${this.#tries}`
    return this.wanted.slice(0, Math.max(1, this.#max - suffix.length)) + suffix
  }

  /** The next nick after one that is taken; undefined when there were enough. */
  taken(): string | undefined {
    this.#tries += 1
    return this.#tries > TRIES_MAX ? undefined : this.current
  }

  /** A shorter nick after one that the server refuses for its form; undefined when the length cannot be the reason. */
  refused(): string | undefined {
    if (this.current.length <= LENGTH_MIN) return undefined
    this.#max = LENGTH_MIN
    return this.current
  }
}
