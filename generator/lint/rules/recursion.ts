import type { LintContext } from '../context.js'
import type { LintRule } from '../rule.js'
import { isObj, items, listing, members, own, stringsOf } from '../tree.js'

/** How one schema refers to another. */
interface Edge {
  readonly from: string
  readonly to: string
  readonly via: 'required' | 'optional' | 'other'
  readonly pointer: string
}

/** Modelina turns recursion through lists and unions into `unknown`; a required cycle has no finite value. */
export const recursion: LintRule = {
  id: 'WG016',
  name: 'recursion',
  doc: 'A schema contains itself only through an optional property.',
  *check(context) {
    const edges = readEdges(context)
    const reach = reachable(edges)
    const mandatory = reachable(edges.filter(({ via }) => via === 'required'))
    for (const { from, to, via, pointer } of edges) {
      const loops = reach.get(to)?.has(from) === true || from === to
      if (via === 'other' && loops) {
        yield {
          pointer,
          message: `\`${from}\` contains itself through a list, map, union or alias (by way of ${listing([to])})`,
          hint: 'break the cycle, or let it pass through an optional property that is a plain $ref',
        }
      } else if (via === 'required' && (from === to || mandatory.get(to)?.has(from) === true)) {
        yield {
          pointer,
          message: `\`${from}\` requires itself (by way of ${listing([to])}): no finite value satisfies it`,
          hint: 'make the property optional',
        }
      }
    }
  },
}

function readEdges({ root }: LintContext): Edge[] {
  const edges: Edge[] = []
  for (const [from, schema, pointer] of members(own(root['components'], 'schemas'), '#/components/schemas')) {
    collect(from, schema, pointer, 'other', edges)
  }
  return edges
}

function collect(from: string, schema: unknown, pointer: string, via: Edge['via'], edges: Edge[]): void {
  if (!isObj(schema)) return
  const ref = schema['$ref']
  if (typeof ref === 'string') {
    const to = ref.startsWith('#/components/schemas/') ? ref.slice('#/components/schemas/'.length) : undefined
    if (to !== undefined) edges.push({ from, to, via, pointer: `${pointer}/$ref` })
    return
  }
  const required = stringsOf(schema['required'])
  for (const [name, property, at] of members(schema['properties'], `${pointer}/properties`)) {
    collect(from, property, at, required.includes(name) ? 'required' : 'optional', edges)
  }
  for (const key of ['items', 'additionalProperties']) collect(from, schema[key], `${pointer}/${key}`, 'other', edges)
  for (const key of ['oneOf', 'anyOf', 'allOf']) {
    for (const [branch, at] of items(schema[key], `${pointer}/${key}`)) collect(from, branch, at, 'other', edges)
  }
}

/** For every schema, all that it leads to. */
function reachable(edges: readonly Edge[]): ReadonlyMap<string, ReadonlySet<string>> {
  const next = new Map<string, string[]>()
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to])
  const result = new Map<string, Set<string>>()
  for (const start of next.keys()) {
    const seen = new Set<string>()
    const queue = [start]
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      for (const to of next.get(name) ?? []) {
        if (seen.has(to)) continue
        seen.add(to)
        queue.push(to)
      }
    }
    result.set(start, seen)
  }
  return result
}
