import { readFileSync } from 'node:fs'
import type { Schema } from './json-schema.js'

/** Of case files. */
export const SUITE_SCHEMA: Schema = read('suite')
/** Of the lines between runner and testee. */
export const DRIVER_SCHEMA: Schema = read('driver')
/** Of the lines of a report. */
export const REPORT_SCHEMA: Schema = read('report')

function read(name: string): Schema {
  return JSON.parse(readFileSync(new URL(`./${name}.schema.json`, import.meta.url), 'utf8')) as Schema
}
