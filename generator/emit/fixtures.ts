import type { Spec } from '../ir.js'
import type { GeneratedFile } from './file.js'

/** fixtures.json: the spec's examples per message, so that tests in any language run on them. */
export function emitFixtures(spec: Spec): GeneratedFile {
  const messages = spec.messages.map(message => [
    message.name,
    message.examples.map(({ name, summary, payload }) => ({
      name,
      ...(summary === undefined ? {} : { summary }),
      payload,
    })),
  ])
  return { path: 'fixtures.json', text: `${JSON.stringify(Object.fromEntries(messages), null, 2)}\n` }
}
