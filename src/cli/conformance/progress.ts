import { isFailure, type ResultRecord } from '../../conformance/report/records.js'
import type { CliIo } from '../io.js'

/** How often the line is drawn anew, in ms. */
const DRAW_MS = 100

/** One line on a terminal that says how far a run is; nothing anywhere else. */
export class Progress {
  readonly #io: CliIo
  #drawn = 0
  #failed = 0
  #shown = false

  constructor(io: CliIo) {
    this.#io = io
  }

  step(result: ResultRecord, done: number, all: number): void {
    if (!this.#io.stdoutIsTerminal) return
    if (isFailure(result)) this.#failed += 1
    const now = Date.now()
    if (now - this.#drawn < DRAW_MS) return
    this.#drawn = now
    this.#shown = true
    const failed = this.#failed === 0 ? '' : `, ${this.#failed} failed`
    this.#io.stderr(`\r\u001b[K${done} of ${all}${failed}  ${result.case}`)
  }

  clear(): void {
    if (this.#shown) this.#io.stderr('\r\u001b[K')
  }
}
