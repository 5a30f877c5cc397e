/** Where a message goes. */
export type Target = 'slack' | 'discord'

/** What came out. */
export interface Audit {
  readonly accepted: number
  readonly delivered: number
  readonly lost: number
  /** First deliveries that came after a later message of the same stream and destination. */
  readonly outOfOrder: number
  readonly duplicates: Readonly<Record<Target, number>>
}

/**
 * The books: what was accepted, by stream, and what arrived. A stream sends its next message to a destination only after
 * the one before it was accepted, so that its numbers must arrive in order.
 */
export class Ledger {
  readonly #accepted = new Map<string, Set<number>>()

  /** Notes an accepted message and returns the text that identifies it. */
  accept(stream: string, target: Target, number: number): void {
    const key = `${stream} ${target}`
    const numbers = this.#accepted.get(key) ?? new Set()
    numbers.add(number)
    this.#accepted.set(key, numbers)
  }

  get accepted(): number {
    let count = 0
    for (const numbers of this.#accepted.values()) count += numbers.size
    return count
  }

  /** Compares with what each platform got, in its order. */
  audit(arrived: Readonly<Record<Target, readonly string[]>>): Audit {
    const duplicates: Record<Target, number> = { slack: 0, discord: 0 }
    const seen = new Map<string, { readonly numbers: Set<number>; last: number }>()
    let outOfOrder = 0
    for (const target of ['slack', 'discord'] as const) {
      for (const text of arrived[target]) {
        const { number, stream } = read(text)
        const key = `${stream} ${target}`
        const state = seen.get(key) ?? { numbers: new Set(), last: -1 }
        seen.set(key, state)
        if (state.numbers.has(number)) {
          duplicates[target]++
          continue
        }
        if (number < state.last) outOfOrder++
        state.numbers.add(number)
        state.last = Math.max(state.last, number)
      }
    }
    let lost = 0
    let delivered = 0
    for (const [key, numbers] of this.#accepted) {
      const got = seen.get(key)?.numbers ?? new Set()
      for (const number of numbers) {
        if (got.has(number)) delivered++
        else lost++
      }
    }
    return { accepted: this.accepted, delivered, lost, outOfOrder, duplicates }
  }
}

/** The echo frame of a message. */
export function frameOf(stream: string, target: Target, number: number): string {
  return `./echo:${target}:${stream}:-:${stream} ${number}`
}

function read(text: string): { readonly stream: string; readonly number: number } {
  const [stream = '', number = ''] = text.slice(text.lastIndexOf(':') + 1).split(' ')
  return { stream, number: Number(number) }
}
