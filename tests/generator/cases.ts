import { readFileSync } from 'node:fs'
import { patched } from './base-spec.js'

/** A block of a case file: its first line, and the lines below with the sign that each begins with. */
export interface Block {
  readonly head: string
  readonly lines: readonly { readonly sign: string; readonly text: string }[]
}

/** Reads `fixtures/<name>`: blocks with blank lines between them, the first of which describes the format. */
export function readBlocks(name: string): Block[] {
  const file = readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8')
  const [, ...blocks] = file.trimEnd().split(/\n\n+/)
  return blocks.map(block => {
    const [head = '', ...lines] = block.split('\n')
    return { head, lines: lines.map(line => ({ sign: line.slice(0, 1), text: line.slice(2) })) }
  })
}

/** What stands behind a sign, line ends between several. */
export function signed({ lines }: Block, sign: string): string {
  return lines
    .filter(line => line.sign === sign)
    .map(line => line.text)
    .join('\n')
}

/** Applies the `-`/`+` pairs of a block to the base spec; `-` lines without `+` lines are removed with their line end. */
export function applyEdits({ head, lines }: Block): string {
  let spec: string | undefined
  for (let at = 0; at < lines.length; ) {
    const take = (sign: string): string[] => {
      const start = at
      while (lines[at]?.sign === sign) at++
      return lines.slice(start, at).map(line => line.text)
    }
    const find = take('-')
    const replace = take('+')
    if (find.length === 0) {
      if (replace.length > 0) throw new Error(`${head}: nothing to replace`)
      at++
    } else if (replace.length > 0) spec = patched(find.join('\n'), replace.join('\n'), spec)
    else spec = patched(`${find.join('\n')}\n`, '', spec)
  }
  if (spec === undefined) throw new Error(`${head}: changes nothing`)
  return spec
}
