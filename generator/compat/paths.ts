import type { Channel, HttpSpec, Operation, RawSchema, Spec } from '../ir.js'
import { joinPointer } from '../pointer.js'
import { type Changes, pair, same } from './change.js'
import { compareSchema } from './schema.js'
import { contextOf } from './wire.js'

/** Compares channels: addresses, parameters, servers and bindings. */
export function compareChannels(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.channels, after.channels, ({ id }) => id)
  for (const { id, pointer } of removed) changes.add('major', pointer, `channel \`${id}\` was removed`)
  for (const { id, pointer } of added) changes.add('minor', pointer, `channel \`${id}\` was added`)
  for (const [old, now] of kept) {
    const { pointer } = now
    if (old.address !== now.address) {
      const reason = `the address changed from ${place(old.address)} to ${place(now.address)}`
      changes.add('major', `${pointer}/address`, reason, 'both')
    }
    compareParams(changes, old, now)
    compareServerList(changes, old, now)
    compareBindings(changes, before, after, old, now)
    changes.docs([old.title, old.summary, old.doc], [now.title, now.summary, now.doc], pointer, 'the description')
  }
}

/** Compares operations: what may be sent where, and what is answered. */
export function compareOperations(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.operations, after.operations, ({ id }) => id)
  for (const { id, pointer, action } of removed)
    changes.add('major', pointer, `operation \`${id}\` was removed`, action)
  for (const { id, pointer, action } of added) changes.add('minor', pointer, `operation \`${id}\` was added`, action)
  for (const [old, now] of kept) {
    const { pointer, action } = now
    if (old.action !== action) {
      changes.add('major', `${pointer}/action`, `what was a ${old.action} is a ${action} now`, 'both')
      continue
    }
    if (old.channel !== now.channel) {
      changes.add(
        'major',
        `${pointer}/channel`,
        `it moved from channel \`${old.channel}\` to \`${now.channel}\``,
        action,
      )
    }
    compareMessages(changes, old, now)
    compareReply(changes, old, now)
    compareHttp(changes, old, now)
    if (now.deprecated && !old.deprecated) changes.add('minor', pointer, `operation \`${now.id}\` is deprecated now`)
    changes.docs([old.title, old.summary, old.doc], [now.title, now.summary, now.doc], pointer, 'the description')
  }
}

/** Compares servers and the ways to authenticate there. */
export function compareServers(changes: Changes, before: Spec, after: Spec): void {
  const { removed, added, kept } = pair(before.servers, after.servers, ({ id }) => id)
  for (const { id, pointer } of removed) changes.add('major', pointer, `server \`${id}\` was removed`)
  for (const { id, pointer } of added) changes.add('minor', pointer, `server \`${id}\` was added`)
  for (const [old, now] of kept) {
    const { pointer } = now
    const [was, is] = [old, now].map(({ protocol, host, pathname = '' }) => `${protocol}://${host}${pathname}`)
    if (was !== is) changes.add('major', pointer, `the server moved from ${was} to ${is}`)
    compareSecurity(changes, old.security, now.security, `${pointer}/security`)
    changes.docs(old.doc, now.doc, pointer, 'the description')
  }
  const schemes = pair(before.securitySchemes, after.securitySchemes, ({ name }) => name)
  for (const { name, pointer } of schemes.removed)
    changes.add('major', pointer, `security scheme \`${name}\` was removed`)
  for (const { name, pointer } of schemes.added) changes.add('minor', pointer, `security scheme \`${name}\` was added`)
  for (const [old, now] of schemes.kept) {
    if (!same(old.scheme, now.scheme))
      changes.add('major', now.pointer, `security scheme \`${now.name}\` works differently`)
    changes.docs(old.doc, now.doc, now.pointer, 'the description')
  }
}

function compareParams(changes: Changes, old: Channel, now: Channel): void {
  const params = pair(old.params, now.params, ({ name }) => name)
  // A parameter that comes or goes changes the address, which is told there.
  for (const [was, is] of params.kept) {
    changes.docs(was.doc, is.doc, is.pointer, 'the description')
    if (same(was.values, is.values)) continue
    const lost = is.values !== undefined && (was.values?.some(value => !is.values?.includes(value)) ?? true)
    const reason = `the values of parameter \`${is.name}\` are ${lost ? 'fewer or others' : 'more'} than before`
    changes.add(lost ? 'major' : 'minor', is.pointer, reason)
  }
}

function compareServerList(changes: Changes, old: Channel, now: Channel): void {
  // No list means every server.
  if (old.servers.length === 0 && now.servers.length === 0) return
  const lost = now.servers.length > 0 && (old.servers.length === 0 || old.servers.some(id => !now.servers.includes(id)))
  const won = old.servers.length > 0 && (now.servers.length === 0 || now.servers.some(id => !old.servers.includes(id)))
  if (lost) changes.add('major', `${now.pointer}/servers`, 'a server no longer has this channel')
  else if (won) changes.add('minor', `${now.pointer}/servers`, 'another server has this channel')
}

function compareBindings(changes: Changes, before: Spec, after: Spec, old: Channel, now: Channel): void {
  const [was, is] = [old.bindings ?? {}, now.bindings ?? {}]
  for (const protocol of new Set([...Object.keys(was), ...Object.keys(is)])) {
    const pointer = joinPointer(`${now.pointer}/bindings`, protocol)
    const [left, right] = [mapOf(was[protocol]), mapOf(is[protocol])]
    for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
      const at = joinPointer(pointer, key)
      if (key === 'bindingVersion') changes.docs(left[key], right[key], at, 'the version of the binding')
      else if (key === 'query' || key === 'headers') {
        // A peer writes these when it connects.
        const context = contextOf(changes, 'receive', before, after)
        compareSchema(context, { schema: mapOf(left[key]), pointer: at }, { schema: mapOf(right[key]), pointer: at })
      } else if (!same(left[key], right[key])) changes.add('major', at, `\`${key}\` of the ${protocol} binding changed`)
    }
  }
}

function compareMessages(changes: Changes, old: Operation, now: Operation): void {
  const at = `${now.pointer}/messages`
  const { removed, added } = pair(old.messages, now.messages, name => name)
  for (const name of removed) changes.add('major', at, `it no longer carries \`${name}\``, now.action)
  for (const name of added) changes.add('minor', at, `it carries \`${name}\` too`, now.action)
}

function compareReply(changes: Changes, old: Operation, now: Operation): void {
  const direction = now.action === 'send' ? 'receive' : 'send'
  const at = `${now.pointer}/reply`
  const [was, is] = [old.reply, now.reply]
  if (was === undefined || is === undefined) {
    if (was === is) return
    // To expect an answer from a peer that gives none is as bad as to withhold one.
    const level = is === undefined || direction === 'receive' ? 'major' : 'minor'
    changes.add(
      level,
      is === undefined ? now.pointer : at,
      is === undefined ? 'there is no answer any more' : 'there is an answer now',
      direction,
    )
    return
  }
  if (was.channel !== is.channel) changes.add('major', at, 'the answer comes on another channel', direction)
  const { removed, added } = pair(was.messages, is.messages, name => name)
  for (const name of removed) {
    changes.add(direction === 'receive' ? 'major' : 'minor', at, `\`${name}\` is no answer any more`, direction)
  }
  for (const name of added) {
    changes.add(direction === 'receive' ? 'minor' : 'major', at, `\`${name}\` is a new answer`, direction)
  }
}

function compareHttp(changes: Changes, old: Operation, now: Operation): void {
  const { pointer, action } = now
  if (old.http?.method !== now.http?.method) {
    const reason = `the method changed from ${old.http?.method ?? 'none'} to ${now.http?.method ?? 'none'}`
    changes.add('major', `${pointer}/bindings/http`, reason, action)
  }
  const query = ({ http }: Operation): HttpSpec['query'] => http?.query ?? []
  const { removed, added, kept } = pair(query(old), query(now), ({ name }) => name)
  const at = `${pointer}/bindings/http/query`
  const strict = action === 'receive' ? 'major' : 'minor'
  for (const { name, required } of removed) {
    changes.add(
      action === 'receive' || required ? 'major' : 'minor',
      at,
      `query parameter \`${name}\` was removed`,
      action,
    )
  }
  for (const { name, required } of added) {
    const reason = `${required ? 'required' : 'optional'} query parameter \`${name}\` was added`
    changes.add(required ? strict : 'minor', at, reason, action)
  }
  for (const [was, is] of kept) {
    changes.docs(was.doc, is.doc, at, 'the description')
    if (was.required === is.required) continue
    const level = is.required ? strict : action === 'receive' ? 'minor' : 'major'
    changes.add(level, at, `query parameter \`${is.name}\` became ${is.required ? 'required' : 'optional'}`, action)
  }
}

/** The entries are alternatives; none at all means that nothing has to be shown. */
function compareSecurity(changes: Changes, old: readonly string[], now: readonly string[], pointer: string): void {
  const { removed, added } = pair(old, now, name => name)
  if (removed.length === 0 && added.length === 0) return
  if (now.length === 0) changes.add('minor', pointer, 'authentication is no longer needed')
  else if (old.length === 0) changes.add('major', pointer, 'authentication is needed now')
  else if (removed.length > 0) changes.add('major', pointer, `${removed.join(', ')} is no longer accepted`)
  else changes.add('minor', pointer, `${added.join(', ')} is accepted too`)
}

function place(address: string | null): string {
  return address === null ? 'none' : `\`${address}\``
}

function mapOf(value: unknown): RawSchema {
  return typeof value === 'object' && value !== null ? (value as RawSchema) : {}
}
