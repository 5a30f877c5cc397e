import { WgrokError } from '../errors.js'
import type { Identity } from './identity.js'

/** Who may speak. Compiled once; a look-up costs the same for ten patterns and for ten thousand. */
export interface Allowlist {
  /** Whether any of the principals matches any pattern. */
  allows(identity: Identity): boolean
}

/**
 * Compiles allowlist patterns; upper and lower case are the same.
 *
 * - `example.com` and `*@example.com`: anyone at that domain, not at its sub-domains
 * - `user@example.com`: that principal only, and the only form that an IRC `nick!user@host` can match
 *
 * Space around a pattern and empty patterns are ignored. No pattern: nobody.
 *
 * @throws WgrokError `pattern-invalid` naming the position of a pattern with `[`, `]`, `?`, white space, a `*` anywhere
 *   else, or nothing before or after the `@`
 */
export function compileAllowlist(patterns: readonly string[]): Allowlist {
  const domains = new Set<string>()
  const exact = new Set<string>()
  for (const [index, raw] of patterns.entries()) {
    const pattern = fold(raw.trim())
    if (pattern === '') continue
    const domain = pattern.startsWith('*@') ? pattern.slice(2) : pattern
    const problem = patternProblem(domain, pattern)
    if (problem !== undefined) throw new WgrokError('pattern-invalid', `allowlist pattern ${index + 1} ${problem}`)
    if (domain.includes('@')) exact.add(domain)
    else domains.add(domain)
  }
  const matches = (principal: string): boolean => {
    // Most names are in lower case already, as those of the list are.
    if (exact.has(principal)) return true
    const name = fold(principal)
    if (name !== principal && exact.has(name)) return true
    const at = name.lastIndexOf('@')
    // Anyone can call himself `x!y` on IRC and pick the host: no domain vouches for that.
    return at > 0 && !name.includes('!') && domains.has(name.slice(at + 1))
  }
  /** Verdicts on those who spoke lately: the same few speak again and again, and to fold a name costs ten look-ups. */
  const known = new Map<string, boolean>()
  let unknown = 0
  const verdict = (principal: string): boolean => {
    const allowed = matches(principal)
    unknown += 1
    if (unknown % KNOWN_SHARE !== 0 || principal.length > KNOWN_LENGTH_MAX) return allowed
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(principal, allowed)
    return allowed
  }
  return {
    allows({ principals }) {
      for (const principal of principals) if (known.get(principal) ?? verdict(principal)) return true
      return false
    },
  }
}

/** Principals whose verdict is remembered. */
const KNOWN_MAX = 4_096

/** One in so many verdicts is: who speaks often is soon among them, and to remember who speaks once costs in vain. */
const KNOWN_SHARE = 8

/** Longest of them, in UTF-16 units: on the bridge and the webhook peers choose their names, up to a megabyte each. */
const KNOWN_LENGTH_MAX = 320

function patternProblem(rest: string, pattern: string): string | undefined {
  if (/[[\]?]/.test(rest)) return 'holds one of [ ] ?'
  if (rest.includes('*')) return 'holds a * other than in front of an @'
  if (/\s/u.test(rest)) return 'holds white space'
  const at = rest.lastIndexOf('@')
  if (rest !== pattern && at !== -1) return 'holds a second @'
  if (at === 0 || at === rest.length - 1 || rest === '') return 'has nothing on one side of the @'
  return undefined
}

const KELVIN = '\u212a'

/** Lower case, except for the one character outside ASCII that would turn into an ASCII letter. */
function fold(text: string): string {
  return text.includes(KELVIN) ? text.split(KELVIN).map(fold).join(KELVIN) : text.toLowerCase()
}
