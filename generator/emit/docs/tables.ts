import type { ConfigRow, Spec } from '../../ir.js'
import { code, inline, type Markdown } from './markdown.js'
import { count } from './types.js'

const WIRE = { receive: 'accepted', send: 'sent', both: 'accepted and sent' }

/** The chapter of `x-wgrok-limits`. */
export function limitChapter(out: Markdown, spec: Spec): void {
  if (spec.limits.length === 0) return
  out.heading(2, 'Limits', 'Limits')
  out.table(
    ['Limit', 'Value', 'Unit', 'On the wire', 'Meaning'],
    spec.limits.map(({ name, value, unit, wire, doc }) => [
      code(name),
      count(value),
      inline(unit),
      wire === undefined ? '' : WIRE[wire],
      inline(doc),
    ]),
  )
}

/** The chapter of `x-wgrok-platforms`. */
export function platformChapter(out: Markdown, spec: Spec): void {
  if (spec.platforms.length === 0) return
  out.heading(2, 'Platforms', 'Platforms')
  out.block('The largest frame that one message of a platform carries, in the unit that the platform itself counts in.')
  out.table(
    ['Platform', 'Frame', 'Unit', 'Counts more', 'Damages', 'Meaning'],
    spec.platforms.map(({ name, size, unit, costs, fragile, doc }) => [
      code(name),
      count(size),
      unit,
      (costs ?? []).map(({ char, cost }) => `${code(char)} as ${cost}`).join(', '),
      fragile === undefined ? '' : code(fragile),
      inline(doc),
    ]),
  )
}

/** The chapter of `x-wgrok-errors`. */
export function errorChapter(out: Markdown, spec: Spec): void {
  if (spec.errors.length === 0) return
  out.heading(2, 'Error codes', 'Error codes')
  out.table(
    ['Code', 'Status', 'Retry', 'Meaning'],
    spec.errors.map(({ code: name, status, retryable, meaning }) => [
      code(name),
      String(status),
      retryable ? 'yes' : '',
      inline(meaning),
    ]),
  )
}

/** The chapter of environment variables, one table per role. */
export function configChapter(out: Markdown, spec: Spec): void {
  if (spec.configs.length === 0) return
  out.heading(2, 'Configuration', 'Configuration')
  for (const { kind, model, rows } of spec.configs) {
    out.heading(3, `Variables of the ${kind}`, `model ${model}`)
    out.table(
      ['Variable', 'Type', 'Required', 'Default', 'Secret', 'Meaning'],
      rows.map(row => [
        code(row.env),
        formatCell(row),
        row.required && row.default === undefined ? 'yes' : '',
        defaultCell(row),
        row.secret ? 'yes' : '',
        inline(row.doc),
      ]),
    )
  }
}

const FORMATS = {
  string: 'text',
  integer: 'integer',
  boolean: '`true` or `false`',
  csv: 'comma-separated list',
  pairs: 'comma-separated `name:value` pairs',
}

function formatCell(row: ConfigRow): string {
  if (row.values !== undefined) return row.values.map(code).join(', ')
  const { minimum, maximum } = row
  const range = [
    ...(minimum === undefined ? [] : [`from ${count(minimum)}`]),
    ...(maximum === undefined ? [] : [`up to ${count(maximum)}`]),
  ]
  return [FORMATS[row.format], ...range].join(' ')
}

function defaultCell({ default: value, secret }: ConfigRow): string {
  if (value === undefined || value === null || value === '' || secret) return ''
  return typeof value === 'object' && Object.keys(value).length === 0
    ? 'none'
    : code(typeof value === 'string' ? value : JSON.stringify(value))
}
