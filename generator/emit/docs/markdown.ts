/** Stands around link targets until every heading is known. Taken out of all text that comes from the spec. */
const MARK = '\u0000'

/**
 * A Markdown document under construction. Everything that comes from the spec goes through one of the escaping
 * functions below, so that no description can break a table, open a heading or smuggle in HTML.
 */
export class Markdown {
  private readonly parts: string[] = []
  private readonly slugs = new Map<string, string>()
  private readonly used = new Map<string, number>()

  /** A heading; `targets` are what {@link link} refers to it by. */
  heading(level: number, text: string, ...targets: readonly string[]): this {
    const base = slug(text)
    const count = this.used.get(base) ?? 0
    this.used.set(base, count + 1)
    for (const target of targets) this.slugs.set(target, count === 0 ? base : `${base}-${count}`)
    return this.block(`${'#'.repeat(level)} ${inline(text)}`)
  }

  /** A paragraph or list, already Markdown; undefined and blank ones are left out. */
  block(text: string | undefined): this {
    if (text !== undefined && text.trim() !== '') this.parts.push(text.trim())
    return this
  }

  /** A fenced block, whose fence is longer than any in the text. */
  fence(language: string, text: string): this {
    const clean = text.replaceAll(MARK, '')
    const longest = Math.max(2, ...[...clean.matchAll(/`+/g)].map(([run]) => run.length))
    const fence = '`'.repeat(longest + 1)
    return this.block(`${fence}${language}\n${clean}\n${fence}`)
  }

  /** A table without its empty columns; nothing when there are no rows. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): this {
    if (rows.length === 0) return this
    const kept = head.flatMap((_, index) => (rows.some(row => (row[index] ?? '') !== '') ? [index] : []))
    const line = (cells: readonly string[]) => `| ${kept.map(index => cells[index] ?? '').join(' | ')} |`
    return this.block([line(head), `|${' --- |'.repeat(kept.length)}`, ...rows.map(line)].join('\n'))
  }

  toString(): string {
    const text = `${this.parts.join('\n\n')}\n`
    return text.replace(new RegExp(`\\[([^${MARK}]*)\\]${MARK}([^${MARK}]*)${MARK}`, 'g'), (_, label, target) => {
      const found = this.slugs.get(target)
      return found === undefined ? label : `[${label}](#${found})`
    })
  }
}

/** A link to the heading with that target; plain text when no heading has it. */
export function link(label: string, target: string): string {
  return `[${label}]${MARK}${target.replaceAll(MARK, '')}${MARK}`
}

/** Text of the spec as code: on one line, safe inside a table. */
export function code(text: string): string {
  const clean = escapePipes(oneLine(text))
  if (clean === '') return ''
  const longest = Math.max(0, ...[...clean.matchAll(/`+/g)].map(([run]) => run.length))
  const ticks = '`'.repeat(longest + 1)
  const pad = clean.startsWith('`') || clean.endsWith('`') ? ' ' : ''
  return `${ticks}${pad}${clean}${pad}${ticks}`
}

/** A description on one line, safe inside a table or heading. Code spans and emphasis are kept. */
export function inline(text: string | undefined): string {
  return escapePipes(outsideCode(oneLine(text ?? ''), defuse))
}

/** A description with its paragraphs and lists. What would be a heading, rule or fence becomes plain text. */
export function prose(text: string | undefined): string {
  const lines = (text ?? '').replaceAll(MARK, '').split('\n')
  return outsideCode(
    lines.map(line => line.trimEnd().replace(/^(\s*)(?=[#=>]|-{3}|`{3}|~{3}|\|)/, '$1\\')).join('\n'),
    defuse,
  )
}

function defuse(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/\]\((?!https?:\/\/|#)/g, ']\\(')
}

/** Applies `change` to what is not a code span. */
function outsideCode(text: string, change: (text: string) => string): string {
  return text
    .split(/((?<!`)(`+)(?!`)(?:[^`]|(?!\2(?!`))`)*?(?<!`)\2(?!`))/)
    .map((part, index) => (index % 3 === 0 ? change(part) : index % 3 === 1 ? part : ''))
    .join('')
}

/** A bar ends a table cell, also in code. A backslash before it would undo the escape. */
function escapePipes(text: string): string {
  return text.replace(/(\\*)\|/g, '$1$1\\|')
}

function oneLine(text: string): string {
  return text.replaceAll(MARK, '').replace(/\s+/g, ' ').trim()
}

/** The anchor that GitHub and most renderers make of a heading. */
function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-')
}
