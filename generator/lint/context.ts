import type { Resolved, Source } from '../load.js'
import { LintAjv } from './ajv.js'
import { type ExtensionSite, extensionSites, type RefSite, refSites } from './extensions.js'
import { payloadSite, type SchemaSite, schemaSites } from './schemas.js'
import { isObj, members, type Obj, objOf, own } from './tree.js'

/** A message with the schema of its payload. */
export interface MessageSite {
  /** The key under components.messages, or under the channel for one written there. */
  readonly name: string
  readonly message: Obj
  readonly pointer: string
  readonly payload: unknown
  readonly payloadPointer: string
}

/** The spec as the rules see it: the raw tree, and the walks over it that several rules share. */
export class LintContext {
  readonly root: Obj
  /** Every schema object, outer before inner. */
  readonly schemas: readonly SchemaSite[]
  /** Every message, those of the components first. */
  readonly messages: readonly MessageSite[]
  /** Every `x-wgrok-*` key. */
  readonly extensions: readonly ExtensionSite[]
  /** Every `$ref`, also inside extensions. */
  readonly refs: readonly RefSite[]
  readonly ajv: LintAjv
  private readonly source: Source

  /** @throws MissingPeerError without ajv */
  constructor(source: Source) {
    this.source = source
    this.root = objOf(source.root)
    this.schemas = [...schemaSites(this.root)]
    this.messages = [...messageSites(this.root)]
    this.extensions = [...extensionSites(this.root)]
    this.refs = [...refSites(this.root)]
    this.ajv = new LintAjv(this.root)
  }

  /** What a `$ref` points at, chains followed. */
  resolve(ref: string): Resolved | undefined {
    return this.source.resolve(ref)
  }

  /** The schema itself, or what its `$ref` points at; undefined when that is nothing, or no schema. */
  follow(schema: unknown, pointer: string): { readonly schema: Obj; readonly pointer: string } | undefined {
    const ref = own(schema, '$ref')
    if (typeof ref !== 'string') return isObj(schema) ? { schema, pointer } : undefined
    const target = this.resolve(ref)
    return isObj(target?.value) ? { schema: target.value, pointer: target.pointer } : undefined
  }

  /** The schema called `name` under components. */
  component(name: string): Obj | undefined {
    const schema = own(own(this.root['components'], 'schemas'), name)
    return isObj(schema) ? schema : undefined
  }
}

function* messageSites(root: Obj): Generator<MessageSite> {
  yield* messagesOf(own(root['components'], 'messages'), '#/components/messages')
  for (const [, channel, pointer] of members(root['channels'], '#/channels')) {
    yield* messagesOf(own(channel, 'messages'), `${pointer}/messages`)
  }
}

function* messagesOf(value: unknown, at: string): Generator<MessageSite> {
  for (const [name, message, pointer] of members(value, at)) {
    if (!isObj(message) || message['$ref'] !== undefined) continue
    const [payload, payloadPointer] = payloadSite(message, pointer)
    yield { name, message, pointer, payload, payloadPointer }
  }
}
