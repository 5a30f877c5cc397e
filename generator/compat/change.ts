/** How much a change asks of the other side, as a step of the version number. */
export type Level = 'patch' | 'minor' | 'major'

/**
 * Who reads the thing that changed: the perspective receives it, sends it, does both, or (`api`) it never travels and
 * is only a name in the generated code.
 */
export type Side = 'receive' | 'send' | 'both' | 'api'

/** One difference between two specs. */
export interface Change {
  readonly level: Level
  /** Place in the new spec; in the old one for what was removed. */
  readonly pointer: string
  /** Told from the spec's perspective; absent for what never travels. */
  readonly direction?: 'receive' | 'send' | 'both'
  /** What changed, and what that means for the other side. */
  readonly reason: string
}

/** The level of one kind of change, by who reads the thing. `both` is the worse of the first two. */
export interface Levels {
  readonly receive: Level
  readonly send: Level
  readonly api: Level
}

const ORDER = ['none', 'patch', 'minor', 'major'] as const

/** `patch` before `minor` before `major`; `none` first. */
export function rank(level: (typeof ORDER)[number]): number {
  return ORDER.indexOf(level)
}

/** The worse of two levels. */
export function worse<L extends Level | 'none'>(a: L, b: L): L {
  return rank(a) >= rank(b) ? a : b
}

/** Collects changes; every comparison writes into one. */
export class Changes {
  readonly list: Change[] = []

  /** A change whose level does not depend on the direction. */
  add(level: Level, pointer: string, reason: string, direction?: Change['direction']): void {
    this.list.push({ level, pointer, ...(direction === undefined ? {} : { direction }), reason })
  }

  /** A change whose level depends on who reads the thing. */
  sided(side: Side, levels: Levels, pointer: string, reason: string): void {
    if (side === 'api') this.add(levels.api, pointer, reason)
    else this.add(side === 'both' ? worse(levels.receive, levels.send) : levels[side], pointer, reason, side)
  }

  /** A documentation-only difference, if there is one. */
  docs(before: unknown, after: unknown, pointer: string, what: string): void {
    if (!same(before, after)) this.add('patch', pointer, `${what} changed`)
  }
}

/** Deep equality of JSON values; the order of keys does not matter. */
export function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

/** JSON with sorted keys. */
export function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const entries = Object.entries(value).filter(([, child]) => child !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`).join(',')}}`
}

/** Pairs two lists by key: what went, what came, what stayed. */
export function pair<T>(
  before: readonly T[],
  after: readonly T[],
  key: (item: T) => string,
): { readonly removed: T[]; readonly added: T[]; readonly kept: [T, T][] } {
  const old = new Map(before.map(item => [key(item), item]))
  const now = new Map(after.map(item => [key(item), item]))
  return {
    removed: [...old].flatMap(([name, item]) => (now.has(name) ? [] : [item])),
    added: [...now].flatMap(([name, item]) => (old.has(name) ? [] : [item])),
    kept: [...old].flatMap(([name, item]) => {
      const other = now.get(name)
      return other === undefined ? [] : [[item, other] as [T, T]]
    }),
  }
}
