import type { ConformanceCase } from '../suite.js'

/** A case of a peer, not named yet. */
export interface PeerCase {
  readonly about: string
  readonly op: string
  readonly requires?: readonly string[]
  readonly input: unknown
  readonly expect: ConformanceCase['expect']
}

/** An object of a peer's file. */
export type Json = Readonly<Record<string, unknown>>

/** A list of objects. @throws TypeError when it is none */
export function list(file: Json, field: string): readonly Json[] {
  const value = file[field] ?? []
  if (!Array.isArray(value)) throw new TypeError(`${field} is not a list`)
  return value.map(item => object(item, field))
}

/** An object; an empty one when it is absent. @throws TypeError when it is none */
export function part(file: Json, field: string): Json {
  return object(file[field] ?? {}, field)
}

function object(value: unknown, field: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${field} is no object`)
  return value as Json
}

const ID_MAX = 60

/** An id made of words. */
export function slug(about: string): string {
  const words = about
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
  return words.slice(0, ID_MAX).replace(/-$/, '') || 'case'
}

/** A text in quotes, cut where it is long. */
export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
