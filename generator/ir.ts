import { readChannels, readOperations, readSecuritySchemes, readServers } from './build/channels.js'
import { readConfigs, readSecrets } from './build/config.js'
import { readErrors, readLimits, readPlatforms } from './build/extensions.js'
import { readMessages } from './build/messages.js'
import { ModelBuilder } from './build/models.js'
import { SpecNode } from './build/node.js'
import type { Source } from './load.js'

/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A JSON Schema object exactly as written in the spec: `$ref`s and `x-*` intact. */
export type RawSchema = Readonly<Record<string, unknown>>

/** What a field, item, union member or payload is. `ref` names a {@link Model}. */
export type Type =
  | { readonly kind: 'ref'; readonly model: string }
  | { readonly kind: 'primitive'; readonly primitive: 'string' | 'integer' | 'number' | 'boolean' | 'null' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'array'; readonly items: Type }
  | { readonly kind: 'map'; readonly values: Type }
  | { readonly kind: 'union'; readonly members: readonly Type[] }
  | { readonly kind: 'intersection'; readonly members: readonly Type[] }
  | { readonly kind: 'unknown' }

/** One property of an object model. `name` is the wire name; it is never changed. */
export interface Field {
  readonly name: string
  readonly type: Type
  readonly required: boolean
  readonly doc?: string
  readonly deprecated: boolean
  /** `x-wgrok-secret`: the value may not reach a log. */
  readonly secret: boolean
  readonly default?: Json
  /** The property's schema as written (constraints such as `maxLength` are read from here). */
  readonly schema: RawSchema
  readonly pointer: string
}

interface ModelBase {
  /** PascalCase, unique. Equal to the key under components.schemas, or path-derived for an inline object. */
  readonly name: string
  readonly pointer: string
  readonly title?: string
  readonly doc?: string
  readonly deprecated: boolean
  /** True for an object that was written inline and got a path-derived name. */
  readonly inline: boolean
  readonly schema: RawSchema
}

export interface ObjectModel extends ModelBase {
  readonly kind: 'object'
  readonly fields: readonly Field[]
  /** False only with `additionalProperties: false`. */
  readonly open: boolean
}

/** `oneOf`/`anyOf` of other models; with a discriminator, `mapping` says which value means which branch. */
export interface UnionModel extends ModelBase {
  readonly kind: 'union'
  readonly members: readonly Type[]
  readonly discriminator?: {
    readonly property: string
    readonly mapping: readonly { readonly value: string; readonly model: string }[]
  }
}

export interface EnumModel extends ModelBase {
  readonly kind: 'enum'
  readonly values: readonly (string | number | boolean | null)[]
}

/** A named type without structure of its own: `$ref`, `const`, a type list, `allOf`, or no constraint at all. */
export interface AliasModel extends ModelBase {
  readonly kind: 'alias'
  readonly type: Type
}

export interface MapModel extends ModelBase {
  readonly kind: 'map'
  readonly values: Type
}

export interface ArrayModel extends ModelBase {
  readonly kind: 'array'
  readonly items: Type
}

export interface PrimitiveModel extends ModelBase {
  readonly kind: 'primitive'
  readonly primitive: 'string' | 'integer' | 'number' | 'boolean' | 'null'
  /** `x-wgrok-flags`, on strings only. */
  readonly flags?: FlagsSpec
}

export type Model = ObjectModel | UnionModel | EnumModel | AliasModel | MapModel | ArrayModel | PrimitiveModel

/** `x-wgrok-flags`: letters in order, then an optional `N/M`. */
export interface FlagsSpec {
  readonly none: string
  readonly letters: readonly { readonly letter: string; readonly field: string }[]
  readonly chunk: boolean
  /** The model that the flags parse into. */
  readonly fields: string
  readonly pointer: string
}

/** One piece of a frame template or of a channel address. */
export type Part =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'field'; readonly name: string }

/** `x-wgrok-frame`: the text form of a text/plain message. */
export interface FrameSpec {
  readonly name: string
  readonly template: string
  readonly parts: readonly Part[]
  /** The model that the template's fields parse into; absent for a literal template. */
  readonly fields?: string
  /** Literal templates only: surrounding white space is ignored. */
  readonly trim: boolean
  readonly pointer: string
}

export interface Example {
  readonly name: string
  readonly summary?: string
  readonly payload: Json
  readonly pointer: string
}

export interface Message {
  /** The key under components.messages. */
  readonly name: string
  readonly title?: string
  readonly summary?: string
  readonly doc?: string
  readonly deprecated: boolean
  readonly contentType: string
  readonly payload: Type
  readonly schema: RawSchema
  readonly schemaPointer: string
  readonly frame?: FrameSpec
  readonly examples: readonly Example[]
  readonly pointer: string
}

export interface Param {
  readonly name: string
  readonly doc?: string
  readonly values?: readonly string[]
  readonly pointer: string
}

export interface Channel {
  readonly id: string
  /** Null when the address is only known at run time (the bus runs inside chat rooms). */
  readonly address: string | null
  readonly parts: readonly Part[]
  readonly title?: string
  readonly summary?: string
  readonly doc?: string
  readonly params: readonly Param[]
  /** Message names (keys under components.messages), declared order. */
  readonly messages: readonly string[]
  readonly servers: readonly string[]
  readonly bindings?: Readonly<Record<string, unknown>>
  readonly pointer: string
}

export interface Operation {
  readonly id: string
  /** Told from the spec's perspective. */
  readonly action: 'send' | 'receive'
  readonly channel: string
  readonly title?: string
  readonly summary?: string
  readonly doc?: string
  readonly deprecated: boolean
  readonly messages: readonly string[]
  readonly reply?: { readonly channel?: string; readonly messages: readonly string[] }
  readonly http?: HttpSpec
  readonly pointer: string
}

/** The http binding of an operation. */
export interface HttpSpec {
  readonly method: string
  readonly query: readonly { readonly name: string; readonly required: boolean; readonly doc?: string }[]
}

/** How an environment variable's text becomes a value. */
export type ConfigFormat = 'string' | 'integer' | 'boolean' | 'csv' | 'pairs'

export interface ConfigRow {
  readonly field: string
  readonly env: string
  readonly format: ConfigFormat
  readonly required: boolean
  readonly secret: boolean
  readonly default?: Json
  readonly values?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly doc: string
  readonly pointer: string
}

export interface Config {
  /** The role that `x-wgrok-config` names: sender, receiver, bot. */
  readonly kind: string
  readonly model: string
  readonly rows: readonly ConfigRow[]
  readonly pointer: string
}

export interface Secret {
  readonly field: string
  readonly pointer: string
}

export interface Limit {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly doc: string
  /** What the limit is about on the wire; absent when only one side's own policy knows it. */
  readonly wire?: 'receive' | 'send' | 'both'
  readonly pointer: string
}

export type FrameUnit = 'utf8-bytes' | 'utf16-units' | 'code-points'

export interface PlatformSpec {
  readonly name: string
  readonly size: number
  readonly unit: FrameUnit
  readonly costs?: readonly { readonly char: string; readonly cost: number }[]
  /** Regex source of text that the platform would damage. */
  readonly fragile?: string
  readonly doc: string
  readonly pointer: string
}

export interface ErrorSpec {
  readonly code: string
  readonly status: number
  readonly retryable: boolean
  readonly meaning: string
  readonly pointer: string
}

export interface Server {
  readonly id: string
  readonly host: string
  readonly protocol: string
  readonly pathname?: string
  readonly doc?: string
  /** Security scheme names, declared order. */
  readonly security: readonly string[]
  readonly pointer: string
}

export interface SecurityScheme {
  /** The key under components.securitySchemes. */
  readonly name: string
  /** As written, without the description. */
  readonly scheme: Readonly<Record<string, unknown>>
  readonly doc?: string
  readonly pointer: string
}

/** The whole spec, frozen; arrays are in declared order and nothing is a Map, so output order never depends on hashing. */
export interface Spec {
  readonly info: {
    readonly title: string
    readonly version: string
    readonly doc?: string
    readonly license?: string
  }
  readonly sha256: string
  readonly perspective: string
  readonly limits: readonly Limit[]
  readonly platforms: readonly PlatformSpec[]
  readonly errors: readonly ErrorSpec[]
  readonly models: readonly Model[]
  readonly messages: readonly Message[]
  readonly channels: readonly Channel[]
  readonly operations: readonly Operation[]
  readonly configs: readonly Config[]
  readonly secrets: readonly Secret[]
  readonly servers: readonly Server[]
  readonly securitySchemes: readonly SecurityScheme[]
}

/**
 * Turns a spec into the IR that every emitter reads.
 * @throws SpecError at the first thing that cannot be expressed; run the validator and the lint rules first for a full
 * list with better hints.
 */
export function buildIr(source: Source): Spec {
  const root = SpecNode.root(source)
  const models = new ModelBuilder(root)
  models.readComponents()
  const messages = readMessages(root, models)
  const info = root.get('info')
  return deepFreeze({
    info: {
      title: info.string('title'),
      version: info.string('version'),
      ...info.optional('doc', info.text('description')),
      ...info.optional('license', info.maybe('license')?.text('name')),
    },
    sha256: source.sha256,
    perspective: root.string('x-wgrok-perspective'),
    limits: readLimits(root),
    platforms: readPlatforms(root),
    errors: readErrors(root),
    models: models.all(),
    messages,
    channels: readChannels(root),
    operations: readOperations(root),
    configs: readConfigs(root),
    secrets: readSecrets(models.all()),
    servers: readServers(root),
    securitySchemes: readSecuritySchemes(root),
  })
}

/** The model called `name`. @throws Error when there is none: emitters only ask for names that the IR gave them. */
export function modelOf(spec: Spec, name: string): Model {
  const found = spec.models.find(model => model.name === name)
  if (found === undefined) throw new Error(`no model ${name}`)
  return found
}

/** The message called `name`. @throws Error when there is none. */
export function messageOf(spec: Spec, name: string): Message {
  const found = spec.messages.find(message => message.name === name)
  if (found === undefined) throw new Error(`no message ${name}`)
  return found
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const child of Object.values(value)) deepFreeze(child)
  return value
}
