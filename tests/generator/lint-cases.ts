import { applyEdits, type Block, readBlocks, signed } from './cases.js'

/** One broken spec, and the one problem that lint must find in it. */
export interface LintCase {
  readonly rule: string
  readonly breaks: string
  readonly text: string
  readonly line: number
  readonly col: number
  /** A part of the message. */
  readonly says: string
}

const MARK = '▶'

/** Reads fixtures/lint-cases.txt; its head describes the format. */
export function readLintCases(): LintCase[] {
  return readBlocks('lint-cases.txt').map(readCase)
}

function readCase(block: Block): LintCase {
  const [before, after, ...more] = applyEdits(block).split(MARK)
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${block.head}: needs one ${MARK}`)
  const above = before.split('\n')
  return {
    rule: block.head.slice(0, 5),
    breaks: block.head.slice(6),
    text: before + after,
    line: above.length,
    col: (above.at(-1) ?? '').length + 1,
    says: signed(block, '!'),
  }
}
