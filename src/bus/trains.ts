const nothing = (): void => {}

/**
 * Runs jobs one after the other per destination, and side by side between destinations.
 *
 * The chunks of one payload are a train: two trains to one destination must not mix, since a receiver that meets `1/3`
 * twice cannot always tell which `2/3` belongs to which.
 */
export class Trains {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `job` when every earlier job of that destination has ended, however it ended. */
  run<T>(destination: string, job: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(destination)
    const result = before === undefined ? job() : before.then(job)
    const tail = result.then(nothing, nothing)
    this.#tails.set(destination, tail)
    void tail.then(() => {
      if (this.#tails.get(destination) === tail) this.#tails.delete(destination)
    })
    return result
  }

  /** Resolves when every job that is known now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#tails.values())
  }
}
