import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { joinPointer } from '../pointer.js'
import { isObj, type Obj, stringsOf } from './tree.js'

/** Where an `x-wgrok-*` extension may stand. */
export type ExtensionPlace = 'root' | 'message' | 'component' | 'property'

/** One `x-wgrok-*` key of the spec. */
export interface ExtensionSite {
  readonly name: string
  readonly value: unknown
  readonly pointer: string
  /** Pointer of the object that carries it. */
  readonly holder: string
}

/** One `$ref` of the spec. */
export interface RefSite {
  readonly ref: unknown
  /** Pointer of the object that is the reference. */
  readonly pointer: string
  /** The `x-wgrok-*` extension that the reference is part of. */
  readonly extension?: string
}

/** An extension as its file in `x-schemas/` describes it. */
export interface ExtensionSchema {
  readonly name: string
  readonly places: readonly ExtensionPlace[]
  readonly schema: Obj
}

const PREFIX = 'x-wgrok-'
/** Their children are named by the author, so that a key among them is never a keyword. */
const NAME_MAPS = new Set(['properties', 'schemas', 'messages', 'channels', 'operations', 'parameters', 'servers'])
/** Their content is data, not spec. */
const DATA = new Set(['default', 'examples', 'enum', 'const'])

/** Every `x-wgrok-*` key, in document order. Does not look inside extensions or example data. */
export function* extensionSites(root: Obj): Generator<ExtensionSite> {
  for (const { key, value, pointer, holder, extension } of keys(root)) {
    if (extension === undefined && key.startsWith(PREFIX)) yield { name: key, value, pointer, holder }
  }
}

/** Every `$ref`, in document order. */
export function* refSites(root: Obj): Generator<RefSite> {
  for (const { key, value, holder, extension } of keys(root)) {
    if (key === '$ref') yield { ref: value, pointer: holder, ...(extension === undefined ? {} : { extension }) }
  }
}

interface Key {
  readonly key: string
  readonly value: unknown
  readonly pointer: string
  readonly holder: string
  readonly extension: string | undefined
}

function* keys(value: unknown, at = '#', isNameMap = false, extension?: string): Generator<Key> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* keys(item, joinPointer(at, index), false, extension)
    return
  }
  if (!isObj(value)) return
  for (const [key, child] of Object.entries(value)) {
    const pointer = joinPointer(at, key)
    if (isNameMap) {
      yield* keys(child, pointer, false, extension)
      continue
    }
    yield { key, value: child, pointer, holder: at, extension }
    const inside = extension ?? (key.startsWith(PREFIX) ? key : undefined)
    if (inside !== undefined || !DATA.has(key)) {
      yield* keys(child, pointer, inside === undefined && NAME_MAPS.has(key), inside)
    }
  }
}

/** Reads the extension schemas that come with the generator, sorted by name. */
export function readExtensionSchemas(): readonly ExtensionSchema[] {
  const folder = new URL('../x-schemas/', import.meta.url)
  if (!existsSync(folder)) throw new Error('the generator is incomplete: its x-schemas folder is missing')
  return readdirSync(folder)
    .filter(file => file.endsWith('.schema.json'))
    .sort()
    .map(file => {
      const schema: unknown = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
      if (!isObj(schema)) throw new Error(`${file} is not a schema`)
      const places = stringsOf(schema['x-applies-to']) as ExtensionPlace[]
      return { name: file.slice(0, -'.schema.json'.length), places, schema }
    })
}
