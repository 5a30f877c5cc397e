import type { ConfigRow, Limit, PlatformSpec, RawSchema, Spec } from '../ir.js'
import { valueAt } from '../pointer.js'
import { type Changes, type Level, pair, same } from './change.js'
import { text } from './context.js'
import { compareSchema } from './schema.js'
import { contextOf } from './wire.js'

/** Compares `x-wgrok-limits`, each by what it limits on the wire. */
export function compareLimits(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.limits, after.limits, ({ name }) => name)
  for (const { name, pointer } of removed) changes.add('major', pointer, `limit \`${name}\` was removed`)
  for (const { name, pointer } of added) changes.add('minor', pointer, `limit \`${name}\` was added`)
  for (const [old, now] of kept) {
    changes.docs(old.doc, now.doc, now.pointer, 'the description')
    if (old.unit !== now.unit) {
      changes.add('major', now.pointer, `limit \`${now.name}\` counts ${now.unit} instead of ${old.unit}`)
    } else if (old.value !== now.value) {
      const step = now.value < old.value ? 'lowered' : 'raised'
      const reason = `limit \`${now.name}\` was ${step} from ${old.value} to ${now.value} ${now.unit}`
      changes.add(limitLevel(now, step), now.pointer, reason, now.wire)
    }
    if (old.wire !== now.wire)
      changes.add('patch', now.pointer, `what limit \`${now.name}\` is about is told differently`)
  }
}

/** Accepting less, or sending more, is what a peer notices. */
function limitLevel({ wire }: Limit, step: 'lowered' | 'raised'): Level {
  if (wire === 'both') return 'major'
  return (wire === 'receive' && step === 'lowered') || (wire === 'send' && step === 'raised') ? 'major' : 'minor'
}

/** Compares `x-wgrok-platforms`. The platform itself decides what fits: a changed budget breaks nobody. */
export function comparePlatforms(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.platforms, after.platforms, ({ name }) => name)
  for (const { name, pointer } of removed) changes.add('major', pointer, `platform \`${name}\` was removed`)
  for (const { name, pointer } of added) changes.add('minor', pointer, `platform \`${name}\` was added`)
  const frame = ({ size, unit, costs }: PlatformSpec) => [size, unit, costs]
  for (const [old, now] of kept) {
    if (!same(frame(old), frame(now))) {
      const reason = `the frame of \`${now.name}\` changed from ${old.size} ${old.unit} to ${now.size} ${now.unit}`
      changes.add('minor', now.pointer, reason, 'send')
    }
    if (old.fragile !== now.fragile) {
      changes.add('minor', now.pointer, `other texts are compressed for \`${now.name}\``, 'send')
    }
    changes.docs(old.doc, now.doc, now.pointer, 'the description')
  }
}

/** Compares `x-wgrok-errors`. */
export function compareErrors(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.errors, after.errors, ({ code }) => code)
  for (const { code, pointer } of removed) changes.add('major', pointer, `error code \`${code}\` was removed`)
  for (const { code, pointer } of added) changes.add('minor', pointer, `error code \`${code}\` was added`)
  for (const [old, now] of kept) {
    if (old.status !== now.status) {
      changes.add(
        'major',
        now.pointer,
        `the status of \`${now.code}\` changed from ${old.status} to ${now.status}`,
        'send',
      )
    }
    if (old.retryable !== now.retryable) {
      changes.add('minor', now.pointer, `\`${now.code}\` is ${now.retryable ? '' : 'not '}retried now`)
    }
    changes.docs(old.meaning, now.meaning, now.pointer, 'the meaning')
  }
}

/** Compares the environment variables of every role. */
export function compareConfigs(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.configs, after.configs, ({ kind }) => kind)
  for (const { kind, pointer } of removed) changes.add('major', pointer, `the configuration of the ${kind} was removed`)
  for (const { kind, pointer } of added) changes.add('minor', pointer, `the configuration of the ${kind} was added`)
  for (const [old, now] of kept) {
    const rows = pair(old.rows, now.rows, ({ env }) => env)
    for (const { env, pointer } of rows.removed) changes.add('major', pointer, `${env} is no longer read`)
    for (const row of rows.added) {
      const needed = isNeeded(row)
      changes.add(needed ? 'major' : 'minor', row.pointer, `${row.env} was added${needed ? ' and must be set' : ''}`)
    }
    for (const [was, is] of rows.kept) compareRow(changes, before, after, was, is)
  }
}

function compareRow(changes: Changes, before: Spec, after: Spec, old: ConfigRow, now: ConfigRow): void {
  const { env, pointer } = now
  if (old.field !== now.field) changes.add('major', pointer, `${env} sets \`${now.field}\` instead of \`${old.field}\``)
  if (old.format !== now.format)
    changes.add('major', pointer, `${env} is read as ${now.format} instead of ${old.format}`)
  if (isNeeded(old) !== isNeeded(now)) {
    changes.add(
      isNeeded(now) ? 'major' : 'minor',
      pointer,
      `${env} ${isNeeded(now) ? 'must be set now' : 'need not be set any more'}`,
    )
  }
  if (!same(old.default, now.default) && !isNeeded(old) && !isNeeded(now)) {
    const level = old.default === undefined ? 'minor' : 'major'
    changes.add(level, pointer, `the default of ${env} changed from ${text(old.default)} to ${text(now.default)}`)
  }
  if (old.secret !== now.secret) changes.add('patch', pointer, `${env} is ${now.secret ? 'a' : 'no'} secret now`)
  changes.docs(old.doc, now.doc, pointer, 'the description')
  compareSchema(
    contextOf(changes, 'receive', before, after),
    { schema: constraints(before, old), pointer: old.pointer },
    { schema: constraints(after, now), pointer },
  )
}

/** The schema of a variable without what compareRow has already told. */
function constraints(spec: Spec, row: ConfigRow): RawSchema {
  const config = spec.configs.find(({ rows }) => rows.includes(row))
  const model = spec.models.find(({ name }) => name === config?.model)
  const field = model === undefined ? undefined : valueAt(model.schema, ['properties', row.field])
  const { default: _, description: _d, 'x-wgrok-secret': _s, ...rest } = (field ?? {}) as RawSchema
  return rest
}

function isNeeded(row: ConfigRow): boolean {
  return row.required && row.default === undefined
}
