import { validateBridgeEnvelope } from '../../../generated/validators.js'
import type { Step } from '../suite.js'
import { type Opener, Refused, type Wire } from './wire.js'

/** The scripted side of a case. */
export class ScriptPeer {
  readonly #open: Opener
  readonly #wires = new Map<string, Wire>()
  readonly #bound = new Map<string, unknown>()
  #last: Wire | undefined

  constructor(open: Opener) {
    this.#open = open
  }

  /** Plays all steps. @throws Error that names the step which did not go as scripted. */
  async play(steps: readonly Step[]): Promise<void> {
    for (const [index, step] of steps.entries()) {
      try {
        await this.#step(step)
      } catch (error) {
        throw new Error(`step ${index + 1} ${JSON.stringify(step)}: ${(error as Error).message}`)
      }
    }
  }

  close(): void {
    for (const wire of this.#wires.values()) wire.drop()
  }

  async #step(step: Step): Promise<void> {
    if (step.open !== undefined) return this.#connect(step.open, step.peer ?? 'only', step.expectClose)
    const wire = step.peer === undefined ? this.#last : this.#wires.get(step.peer)
    if (wire === undefined) throw new Error('nothing is open')
    if ('send' in step) wire.send(this.#frame(step.send))
    else if (step.sendRaw !== undefined) wire.send(step.sendRaw)
    else if ('expectFrame' in step) this.#match(await wire.next(), step.expectFrame, '')
    else if (step.expectClose !== undefined) equal(await wire.closed(), step.expectClose)
    else if (step.expectSilence !== undefined) await wire.silence(step.expectSilence)
    else if (step.drop === 'abrupt') wire.drop()
    else if (step.drop === 'clean') await wire.leave()
    else throw new Error('no such step')
  }

  async #connect(who: string, name: string, refusal: number | undefined): Promise<void> {
    try {
      const wire = await this.#open(who)
      this.#wires.set(name, wire)
      this.#last = wire
    } catch (error) {
      if (error instanceof Refused && refusal !== undefined) return equal(error.status, refusal)
      throw error
    }
    if (refusal !== undefined) throw new Error('it was let in')
  }

  /** What is not a frame of the protocol has to be sent as `sendRaw`: here it is the case that is wrong. */
  #frame(template: unknown): string {
    const frame = this.#filled(template)
    if (!validateBridgeEnvelope(frame)) throw new Error('the script, not the testee, sends an invalid frame')
    return JSON.stringify(frame)
  }

  #filled(value: unknown): unknown {
    if (typeof value === 'string') {
      const name = /^\$\{(\w+)\}$/.exec(value)?.[1]
      return name === undefined ? value : this.#bound.get(name)
    }
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map(inner => this.#filled(inner))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.#filled(inner)]))
  }

  #match(actual: unknown, expected: unknown, at: string): void {
    if (typeof expected === 'string' && expected.startsWith('${')) {
      this.#matchPattern(actual, expected.slice(2, -1), at)
    } else if (typeof expected !== 'object' || expected === null || typeof actual !== 'object' || actual === null) {
      if (actual !== expected) throw new Error(`${at || 'the frame'} is ${JSON.stringify(actual)}`)
    } else {
      for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
        this.#match(
          (actual as Record<string, unknown>)[key],
          (expected as Record<string, unknown>)[key],
          `${at}/${key}`,
        )
      }
    }
  }

  #matchPattern(actual: unknown, name: string, at: string): void {
    if (name === '*') return
    if (name.startsWith('~')) {
      const code = name.slice(1)
      if (actual !== code && !String(actual).startsWith(`${code}:`)) throw new Error(`${at} is ${String(actual)}`)
    } else if (this.#bound.has(name)) {
      if (actual !== this.#bound.get(name)) throw new Error(`${at} is another one`)
    } else if (actual === undefined) {
      throw new Error(`${at} is missing`)
    } else {
      this.#bound.set(name, actual)
    }
  }
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`it is ${String(actual)}`)
}
