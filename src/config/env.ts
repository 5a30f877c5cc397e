import type { ConfigRow } from '../../generated/config.js'
import { WgrokError } from '../errors.js'

/** Environment variables; what is not set is undefined. */
export type Env = Readonly<Record<string, string | undefined>>

const TRUE = new Set(['true', '1', 'yes', 'on'])
const FALSE = new Set(['false', '0', 'no', 'off'])

/**
 * Reads the variables of a table into a config object: text to value, defaults filled in, absent fields left out.
 *
 * Space around a value is ignored, and an empty variable counts as not set. Variables that the table does not name are
 * ignored. Neither error repeats a value.
 *
 * @throws WgrokError `config-missing` naming the variable, `config-invalid` naming it and what was expected
 */
export function readEnv(rows: readonly ConfigRow[], env: Env): Record<string, unknown> {
  const config: Record<string, unknown> = {}
  for (const row of rows) {
    const text = env[row.env]?.trim() ?? ''
    const value = text === '' ? undefined : readValue(row, text)
    const given = value ?? row.default
    if (given !== undefined) config[row.field] = given
    else if (row.required) throw new WgrokError('config-missing', `${row.env} is not set: ${row.doc}`)
  }
  return config
}

/** The value of a variable; undefined when it holds nothing but separators. */
function readValue(row: ConfigRow, text: string): unknown {
  switch (row.format) {
    case 'integer':
      return readInteger(row, text)
    case 'boolean':
      return readBoolean(row, text)
    case 'csv':
      return emptyAsUnset(splitList(text).map(entry => checkText(row, entry)))
    case 'pairs':
      return readPairs(row, text)
    default:
      return checkText(row, text)
  }
}

function checkText(row: ConfigRow, text: string): string {
  if (row.values !== undefined && !row.values.includes(text)) throw invalid(row, `one of ${row.values.join(', ')}`)
  if (row.pattern !== undefined && !new RegExp(row.pattern, 'u').test(text)) {
    throw invalid(row, `text that matches ${row.pattern}`)
  }
  return text
}

function readInteger(row: ConfigRow, text: string): number {
  const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = row
  const value = /^(?:0|-?[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN
  if (value >= minimum && value <= maximum) return value
  const bounds = [
    ...(row.minimum === undefined ? [] : [`at least ${row.minimum}`]),
    ...(row.maximum === undefined ? [] : [`at most ${row.maximum}`]),
  ]
  throw invalid(row, ['a whole number', ...bounds].join(', '))
}

function readBoolean(row: ConfigRow, text: string): boolean {
  const word = text.toLowerCase()
  if (TRUE.has(word)) return true
  if (FALSE.has(word)) return false
  throw invalid(row, 'true or false')
}

/** `name:value,name:value`; only the first colon of an entry separates. */
function readPairs(row: ConfigRow, text: string): Record<string, string> | undefined {
  const pairs = new Map<string, string>()
  for (const [index, entry] of splitList(text).entries()) {
    const colon = entry.indexOf(':')
    const name = entry.slice(0, colon).trim()
    const value = entry.slice(colon + 1).trim()
    if (colon === -1 || name === '' || value === '') {
      throw invalid(row, `name:value pairs separated by commas; entry ${index + 1} is none`)
    }
    if (pairs.has(name)) throw invalid(row, `each name once; entry ${index + 1} repeats one`)
    pairs.set(name, value)
  }
  return pairs.size === 0 ? undefined : Object.fromEntries(pairs)
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '')
}

function emptyAsUnset(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list
}

function invalid(row: ConfigRow, expected: string): WgrokError {
  return new WgrokError('config-invalid', `${row.env}: expected ${expected}`)
}
