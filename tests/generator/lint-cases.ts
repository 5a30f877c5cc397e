import { readFileSync } from 'node:fs'
import { patched } from './base-spec.js'

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
  const file = readFileSync(new URL('./fixtures/lint-cases.txt', import.meta.url), 'utf8')
  const [, ...blocks] = file.trimEnd().split(/\n\n+/)
  return blocks.map(readCase)
}

function readCase(block: string): LintCase {
  const [head = '', ...lines] = block.split('\n')
  let spec: string | undefined
  let says = ''
  for (let at = 0; at < lines.length; ) {
    const take = (sign: string): string[] => {
      const start = at
      while (lines[at]?.startsWith(`${sign} `)) at++
      return lines.slice(start, at).map(line => line.slice(2))
    }
    const find = take('-').join('\n')
    const replace = take('+')
    if (find !== '')
      spec = replace.length > 0 ? patched(find, replace.join('\n'), spec) : patched(`${find}\n`, '', spec)
    says += take('!').join('')
    if (at < lines.length && !/^[-+!] /.test(lines[at] ?? '')) throw new Error(`unreadable: ${lines[at]}`)
  }
  const [before, after, ...more] = (spec ?? '').split(MARK)
  if (before === undefined || after === undefined || more.length > 0) throw new Error(`${head}: needs one ${MARK}`)
  const above = before.split('\n')
  return {
    rule: head.slice(0, 5),
    breaks: head.slice(6),
    text: before + after,
    line: above.length,
    col: (above.at(-1) ?? '').length + 1,
    says,
  }
}
