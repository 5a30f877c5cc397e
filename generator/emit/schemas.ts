import type { Message, Model, RawSchema, Spec } from '../ir.js'
import { kebab } from '../names.js'
import type { GeneratedFile } from './file.js'
import { publishedSchema, refsIn } from './schema-text.js'
import { messageSchemaName } from './validators.js'

const BASE = 'https://wgrok.dev/schemas'

/**
 * schemas/*.schema.json: draft 2020-12, each complete in itself, for every message payload, config, object and union.
 * A message whose payload is the schema of the same name shares its file, and adds its examples to it.
 */
export function emitSchemas(spec: Spec): GeneratedFile[] {
  const models = new Map(spec.models.map(model => [model.name, model]))
  const messages = spec.messages.map(message => [messageSchemaName(spec, message.name), message] as const)
  const messageOf = new Map(messages)
  const files = new Map<string, GeneratedFile>()
  for (const model of spec.models) {
    if (model.inline || (model.kind !== 'object' && model.kind !== 'union')) continue
    const body = document(model.name, model.schema, models, messageOf.get(model.name))
    files.set(body.path, body)
  }
  for (const [name, message] of messages) {
    const body = document(name, message.schema, models, message)
    if (!files.has(body.path)) files.set(body.path, body)
  }
  return [...files.values()]
}

/** File name of a schema below the output folder. */
export function schemaPath(name: string): string {
  return `schemas/${kebab(name)}.schema.json`
}

function document(
  name: string,
  schema: RawSchema,
  models: ReadonlyMap<string, Model>,
  message: Message | undefined,
): GeneratedFile {
  const published = publishedSchema(schema)
  const defs = transitive(schema, models).map(model => [model.name, publishedSchema(model.schema)])
  const content = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `${BASE}/${kebab(name)}.schema.json`,
    title: name,
    ...(message?.summary === undefined ? {} : { description: message.summary }),
    ...published,
    ...(message === undefined || message.examples.length === 0
      ? {}
      : { examples: message.examples.map(example => example.payload) }),
    ...(defs.length === 0 ? {} : { $defs: Object.fromEntries(defs) }),
  }
  return { path: schemaPath(name), text: `${JSON.stringify(content, null, 2)}\n` }
}

/** Every model that a schema leads to, in the order of the spec. */
function transitive(schema: RawSchema, models: ReadonlyMap<string, Model>): Model[] {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    for (const name of refsIn(value)) {
      if (found.has(name)) continue
      found.add(name)
      visit(models.get(name)?.schema)
    }
  }
  visit(schema)
  return [...models.values()].filter(model => found.has(model.name))
}
