import type { Verdict } from './verdict.js'

/** Most reasons that a summary lists. */
const REASONS_MAX = 10

/** Counts verdicts. */
export class ValidationStats {
  #lines = 0
  #passedOver = 0
  #invalid = 0
  #documents = 0
  readonly #names = new Map<string, { valid: number; invalid: number }>()
  readonly #reasons = new Map<string, number>()

  line(documents: number): void {
    this.#lines += 1
    if (documents === 0) this.#passedOver += 1
  }

  add({ name, valid, findings }: Verdict): void {
    this.#documents += 1
    if (!valid) this.#invalid += 1
    const counts = this.#names.get(name) ?? { valid: 0, invalid: 0 }
    counts[valid ? 'valid' : 'invalid'] += 1
    this.#names.set(name, counts)
    for (const { pointer, expected } of findings) {
      const reason = `${name}${pointer === '' ? '' : ` ${pointer}`}: expected ${expected}`
      this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1)
    }
  }

  json(): string {
    const stats = {
      lines: this.#lines,
      passedOver: this.#passedOver,
      messages: this.#documents,
      invalid: this.#invalid,
      byName: Object.fromEntries(this.#names),
      reasons: Object.fromEntries(this.#reasons),
    }
    return `${JSON.stringify({ stats })}\n`
  }

  text(): string {
    const over = this.#passedOver === 0 ? '' : `, ${this.#passedOver} lines without any`
    const names = [...this.#names]
      .sort(([, a], [, b]) => b.valid + b.invalid - a.valid - a.invalid)
      .map(([name, { valid, invalid }]) => `  ${name}: ${valid} valid, ${invalid} invalid\n`)
    const reasons = [...this.#reasons].sort(([, a], [, b]) => b - a)
    const shown = reasons.slice(0, REASONS_MAX).map(([reason, count]) => `  ${count} x ${reason}\n`)
    const more = reasons.length > REASONS_MAX ? `  and ${reasons.length - REASONS_MAX} other reasons\n` : ''
    return `${this.#documents} messages in ${this.#lines} lines, ${this.#invalid} invalid${over}\n${names.join('')}${shown.length === 0 ? '' : 'Why:\n'}${shown.join('')}${more}`
  }
}
