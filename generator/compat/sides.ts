import { refsIn } from '../emit/schema-text.js'
import type { Spec } from '../ir.js'
import type { Side } from './change.js'

/** Which way messages and the schemas below them travel, told from the perspective. */
export interface Sides {
  message(name: string): Side
  /** `api` for a schema that no message leads to. */
  model(name: string): Side
}

/** A thing that travels one way in one of the two specs travels that way for the comparison. */
export function sidesOf(before: Spec, after: Spec): Sides {
  const messages = new Map<string, Side>()
  for (const spec of [before, after]) {
    for (const { action, messages: names, reply } of spec.operations) {
      for (const name of names) add(messages, name, action)
      for (const name of reply?.messages ?? []) add(messages, name, action === 'send' ? 'receive' : 'send')
    }
  }
  const models = new Map<string, Side>()
  for (const spec of [before, after]) {
    for (const { name, schema, frame } of spec.messages) {
      const side = messages.get(name) ?? 'both'
      for (const model of reached(spec, [...refsIn(schema), ...(frame?.fields === undefined ? [] : [frame.fields])])) {
        add(models, model, side)
      }
    }
  }
  return {
    // A message that no operation names may go either way.
    message: name => messages.get(name) ?? 'both',
    model: name => models.get(name) ?? 'api',
  }
}

function add(sides: Map<string, Side>, name: string, side: Side): void {
  const known = sides.get(name)
  sides.set(name, known === undefined || known === side ? side : 'both')
}

/** The named schemas and everything below them. */
function reached(spec: Spec, names: readonly string[]): ReadonlySet<string> {
  const schemas = new Map(spec.models.map(model => [model.name, model.schema]))
  const seen = new Set<string>()
  const queue = [...names]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (seen.has(name)) continue
    seen.add(name)
    queue.push(...refsIn(schemas.get(name)))
  }
  return seen
}
