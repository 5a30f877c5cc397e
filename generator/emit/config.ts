import type { Config, ConfigRow, Spec } from '../ir.js'
import { constant, key, quote } from '../names.js'
import type { EmitOptions, GeneratedFile } from './file.js'
import { generatedFrom, header, Printer } from './printer.js'
import { literalText } from './type-text.js'

const ROW_TYPE = `
/** How an environment variable's text becomes a value: \`csv\` a list, \`pairs\` a record of \`name:value\`. */
export type ConfigFormat = 'string' | 'integer' | 'boolean' | 'csv' | 'pairs'

/** One environment variable of one role. */
export interface ConfigRow {
  /** The property of the config object. */
  readonly field: string
  /** The variable's name. */
  readonly env: string
  readonly format: ConfigFormat
  /** Must be set, unless there is a default. */
  readonly required: boolean
  /** The value may not reach a log or an error text. */
  readonly secret: boolean
  readonly default?: unknown
  /** The only allowed values. */
  readonly values?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  /** Regex source, \`u\` flag. */
  readonly pattern?: string
  readonly doc: string
}
`

/** config.ts: a table of environment variables per role. */
export function emitConfig(spec: Spec, options: EmitOptions): GeneratedFile {
  const out = new Printer().print(header(spec, options), ROW_TYPE)
  for (const config of spec.configs) {
    out.doc(`Environment variables of a ${config.kind}.`, generatedFrom(config.pointer))
    out.print(`export const ${tableName(config)}: readonly ConfigRow[] = [`)
    for (const row of config.rows) out.print(`${rowText(row)},`)
    out.print(']', '')
  }
  out.doc('Every table, by role.').print('export const CONFIG_TABLES: {')
  for (const { kind } of spec.configs) out.print(`readonly ${key(kind)}: readonly ConfigRow[]`)
  out.print('} = {')
  for (const config of spec.configs) out.print(`${key(config.kind)}: ${tableName(config)},`)
  out.print('}')
  return { path: 'config.ts', text: out.toString() }
}

function tableName(config: Config): string {
  return `${constant(config.kind)}_CONFIG`
}

function rowText(row: ConfigRow): string {
  const members = [
    `field: ${quote(row.field)}`,
    `env: ${quote(row.env)}`,
    `format: ${quote(row.format)}`,
    `required: ${row.required}`,
    `secret: ${row.secret}`,
    ...(row.default === undefined ? [] : [`default: ${literalText(row.default)}`]),
    ...(row.values === undefined ? [] : [`values: [${row.values.map(quote).join(', ')}]`]),
    ...(row.minimum === undefined ? [] : [`minimum: ${row.minimum}`]),
    ...(row.maximum === undefined ? [] : [`maximum: ${row.maximum}`]),
    ...(row.pattern === undefined ? [] : [`pattern: ${quote(row.pattern)}`]),
    `doc: ${quote(row.doc)}`,
  ]
  return `{\n${members.join(',\n')},\n}`
}
