/** An answer with `ok: false`. */
export class Refusal extends Error {
  readonly error: string
  /** What the answer has besides. */
  readonly more: Readonly<Record<string, unknown>>

  constructor(error: string, more: Readonly<Record<string, unknown>> = {}) {
    super(error)
    this.error = error
    this.more = more
  }
}
