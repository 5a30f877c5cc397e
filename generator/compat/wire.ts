import type { FlagsSpec, Message, Model, RawSchema, Spec } from '../ir.js'
import { type Changes, pair, type Side, same } from './change.js'
import type { SchemaContext } from './context.js'
import { compareSchema } from './schema.js'
import type { Sides } from './sides.js'

/** Compares messages: their form, their payload, and the text frames. */
export function compareMessages(changes: Changes, before: Spec, after: Spec, sides: Sides): void {
  const { removed, added, kept } = pair(before.messages, after.messages, ({ name }) => name)
  for (const { name, pointer } of removed) changes.add('major', pointer, `message \`${name}\` was removed`)
  for (const { name, pointer } of added) changes.add('minor', pointer, `message \`${name}\` was added`)
  for (const [old, now] of kept) {
    const side = sides.message(now.name)
    const context = contextOf(changes, side, before, after)
    if (old.contentType !== now.contentType) {
      changes.sided(side, ALL, now.pointer, `the content type changed from ${old.contentType} to ${now.contentType}`)
    }
    compareSchema(
      context,
      { schema: old.schema, pointer: old.schemaPointer },
      { schema: now.schema, pointer: now.schemaPointer },
    )
    compareFrames(context, old, now)
    const texts = ({ title, summary, doc }: Message) => [title, summary, doc]
    changes.docs(texts(old), texts(now), now.pointer, 'the description')
    changes.docs(
      old.examples.map(withoutPlace),
      now.examples.map(withoutPlace),
      `${now.pointer}/examples`,
      'the examples',
    )
    if (now.deprecated && !old.deprecated)
      changes.add('minor', now.pointer, `message \`${now.name}\` is deprecated now`)
  }
}

/** Compares the schemas under components, each once, in the direction of whatever leads to it. */
export function compareModels(changes: Changes, before: Spec, after: Spec, sides: Sides): void {
  const configs = new Set([...before.configs, ...after.configs].map(({ model }) => model))
  const named = ({ models }: Spec): Model[] => models.filter(({ name, inline }) => !inline && !configs.has(name))
  const { removed, added, kept } = pair(named(before), named(after), ({ name }) => name)
  for (const { name, pointer } of removed) changes.add('major', pointer, `type \`${name}\` was removed`)
  for (const { name, pointer } of added) changes.add('minor', pointer, `type \`${name}\` was added`)
  for (const [old, now] of kept) {
    const context = contextOf(changes, sides.model(now.name), before, after)
    compareSchema(context, old, now)
    if (!same(flagsOf(old), flagsOf(now))) {
      changes.add('major', `${now.pointer}/x-wgrok-flags`, 'flags are written differently', 'both')
    }
  }
}

/** What a comparison of schemas needs, for one direction. */
export function contextOf(changes: Changes, side: Side, before: Spec, after: Spec): SchemaContext {
  return { changes, side, before: resolver(before), after: resolver(after), open: new Set() }
}

const ALL = { receive: 'major', send: 'major', api: 'major' } as const

function compareFrames({ changes, side, ...context }: SchemaContext, old: Message, now: Message): void {
  const [was, is] = [old.frame, now.frame]
  const pointer = is?.pointer ?? now.pointer
  if (was === undefined || is === undefined) {
    if (was !== is) changes.sided(side, ALL, pointer, `its text form was ${was === undefined ? 'added' : 'removed'}`)
    return
  }
  if (was.template !== is.template) {
    const reason = `the template changed from \`${was.template}\` to \`${is.template}\``
    changes.sided(side, ALL, `${pointer}/template`, reason)
  }
  if (was.name !== is.name) {
    changes.add(
      'major',
      `${pointer}/name`,
      `the generated functions of \`${was.name}\` are now those of \`${is.name}\``,
    )
  }
  if (was.trim !== is.trim) {
    const levels = is.trim
      ? ({ receive: 'minor', send: 'minor', api: 'minor' } as const)
      : ({ receive: 'major', send: 'minor', api: 'minor' } as const)
    changes.sided(side, levels, pointer, `white space around it is ${is.trim ? 'ignored' : 'no longer ignored'}`)
  }
  if (was.fields === undefined || is.fields === undefined || was.fields === is.fields) return
  compareSchema({ changes, side, ...context }, refTo(was.fields, was.pointer), refTo(is.fields, pointer))
}

function refTo(model: string, pointer: string): { schema: RawSchema; pointer: string } {
  return { schema: { $ref: `#/components/schemas/${model}` }, pointer: `${pointer}/fields` }
}

function resolver(spec: Spec): (ref: string) => RawSchema | undefined {
  const schemas = new Map(spec.models.map(model => [`#/components/schemas/${model.name}`, model.schema]))
  return ref => schemas.get(ref)
}

function flagsOf(model: Model): Omit<FlagsSpec, 'pointer'> | undefined {
  if (model.kind !== 'primitive' || model.flags === undefined) return undefined
  const { pointer: _, ...flags } = model.flags
  return flags
}

function withoutPlace({ pointer: _, ...example }: Message['examples'][number]): object {
  return example
}
