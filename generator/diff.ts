/** Where two texts part, with a few lines around it. */
export interface FirstDifference {
  /** 1-based line of the first difference. */
  readonly line: number
  /** Diff lines, each with ` `, `-` (on disk) or `+` (generated) in front. */
  readonly hunk: readonly string[]
}

const CONTEXT = 2
const SHOWN = 6

/** The first hunk between what is on disk and what is generated. */
export function firstDifference(found: string, wanted: string): FirstDifference {
  const old = found.split('\n')
  const now = wanted.split('\n')
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start++
  let tail = 0
  while (tail < Math.min(old.length, now.length) - start && old[old.length - 1 - tail] === now[now.length - 1 - tail]) {
    tail++
  }
  return {
    line: start + 1,
    hunk: [
      ...old.slice(Math.max(0, start - CONTEXT), start).map(line => ` ${line}`),
      ...shorten(old.slice(start, old.length - tail)).map(line => `-${line}`),
      ...shorten(now.slice(start, now.length - tail)).map(line => `+${line}`),
    ],
  }
}

function shorten(lines: readonly string[]): string[] {
  const cut = lines.slice(0, SHOWN).map(line => (line.length > 200 ? `${line.slice(0, 200)}…` : line))
  return lines.length > SHOWN ? [...cut, `… ${lines.length - SHOWN} more`] : cut
}
