import type { LintContext, MessageSite } from '../context.js'
import type { Finding, LintRule } from '../rule.js'
import { isObj, items, own } from '../tree.js'

/** Examples of messages become the fixtures that tests of every implementation run on. */
export const messageExample: LintRule = {
  id: 'WG007',
  name: 'message-example',
  doc: 'Every example of a message satisfies its payload schema, and has a name of its own.',
  *check(context) {
    for (const site of context.messages) {
      const names = new Set<unknown>()
      for (const [example, pointer] of items(site.message['examples'], `${site.pointer}/examples`)) {
        if (!isObj(example)) continue
        yield* payload(context, site, example['payload'], pointer)
        const name = example['name']
        if (name !== undefined && names.has(name)) {
          yield {
            pointer: `${pointer}/name`,
            message: `another example of the message is called \`${String(name)}\``,
            hint: 'give it a name of its own',
          }
        }
        names.add(name)
      }
    }
  },
}

function* payload(context: LintContext, site: MessageSite, value: unknown, pointer: string): Generator<Finding> {
  if (value === undefined) {
    yield { pointer, message: 'the example has no payload', hint: 'add `payload`' }
    return
  }
  if (!isObj(site.payload)) return
  const trims = own(site.message['x-wgrok-frame'], 'trim') === true && typeof value === 'string'
  const complaint = context.ajv.complaint(site.payload, trims ? value.trim() : value)
  if (complaint === undefined) return
  yield {
    pointer: `${pointer}/payload`,
    message: `the example does not satisfy the payload schema: ${complaint}`,
    hint: 'correct the example or the schema',
  }
}
