import { WgrokError } from '../errors.js'

/** One line of a baseline: cases that are known to fail. */
export interface BaselineEntry {
  readonly line: number
  /** `suite#id`; `*` stands for any part of a suite's or a case's name, `**` also for slashes. */
  readonly pattern: string
  /** What the reason must begin with; undefined: anything. */
  readonly message?: string
  readonly issue?: string
}

/**
 * The failures that an implementation knows of. Strict: an entry that matches nothing, a case that passes after all, or
 * one that fails for another reason fails the run, so that the list can only tell the truth.
 */
export class Baseline {
  readonly entries: readonly BaselineEntry[]
  readonly #used = new Set<BaselineEntry>()

  constructor(entries: readonly BaselineEntry[]) {
    this.entries = entries
  }

  /** The entry that a case falls under. */
  find(name: string): BaselineEntry | undefined {
    const entry = this.entries.find(({ pattern }) => matchesPattern(name, pattern))
    if (entry !== undefined) this.#used.add(entry)
    return entry
  }

  /** What is wrong with the list after a run. A run of a part of the cases cannot tell what is stale. */
  problems(whole: boolean): string[] {
    if (!whole) return []
    return this.entries
      .filter(entry => !this.#used.has(entry))
      .map(({ line, pattern }) => `line ${line}: ${pattern} is stale: no case that applies has this name`)
  }
}

/**
 * Reads lines `pattern  # beginning of the message | issue URL`; empty lines and lines that begin with # are left out.
 *
 * @throws WgrokError `config-invalid` for a pattern that is none, doubled or too wide
 */
export function readBaseline(text: string): Baseline {
  const entries: BaselineEntry[] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [pattern = '', ...rest] = line.split(/\s+#\s+/)
    const [message = '', issue = ''] = rest.join(' # ').split(/\s+\|\s+/)
    const problem = patternProblem(pattern, entries)
    if (problem !== undefined) throw new WgrokError('config-invalid', `baseline line ${index + 1}: ${problem}`)
    entries.push({
      line: index + 1,
      pattern,
      ...(message === '' ? {} : { message }),
      ...(issue === '' ? {} : { issue }),
    })
  }
  return new Baseline(entries)
}

function patternProblem(pattern: string, entries: readonly BaselineEntry[]): string | undefined {
  const [suite = '', id = '', ...more] = pattern.split('#')
  if (suite === '' || id === '' || more.length > 0 || /\s/.test(pattern)) return 'no pattern of the form suite#id'
  if (/^\*+$/.test(suite)) return 'too wide: name the suite'
  if (/^\*+$/.test(id) && suite.includes('*')) return 'too wide: name the suite or the cases'
  return entries.some(entry => entry.pattern === pattern) ? 'the same pattern again' : undefined
}

/** Whether a case's name is one that `pattern` stands for. */
export function matchesPattern(name: string, pattern: string): boolean {
  const source = pattern
    .split(/(\*+)/)
    .map(part => (part === '*' ? '[^/#]*' : /^\*+$/.test(part) ? '.*' : part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&')))
    .join('')
  return new RegExp(`^${source}$`).test(name)
}

/** A baseline that lists exactly these failures, one line each, the old ones' issues kept. */
export function writeBaseline(
  failures: readonly { readonly name: string; readonly reason: string }[],
  old: Baseline | undefined,
): string {
  const lines = failures.map(({ name, reason }) => {
    const issue = old?.entries.find(({ pattern }) => matchesPattern(name, pattern))?.issue
    const message = reason
      .split('\n')[0]
      ?.slice(0, 100)
      .replace(/\s+[|#]\s+.*$/, '')
      .trim()
    return `${name}  # ${message}${issue === undefined ? '' : ` | ${issue}`}`
  })
  return `# Cases that are known to fail: name  # beginning of the reason | issue\n${lines.map(line => `${line}\n`).join('')}`
}
