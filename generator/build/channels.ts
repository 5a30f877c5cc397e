import type { Channel, HttpSpec, Operation, Param, SecurityScheme, Server } from '../ir.js'
import { splitTemplate } from './messages.js'
import type { SpecNode } from './node.js'

const MESSAGES = '#/components/messages'

/** Reads channels, declared order. */
export function readChannels(root: SpecNode): Channel[] {
  return root.children('channels').map(([id, entry]) => {
    const node = entry.follow()
    const address = node.text('address') ?? null
    return {
      id,
      address,
      parts: address === null ? [] : splitTemplate(address),
      ...describe(node),
      params: node.children('parameters').map(([name, parameter]) => readParam(name, parameter)),
      messages: node.children('messages').map(([, message]) => message.refName(MESSAGES)),
      servers: node.items('servers').map(server => server.refName('#/servers')),
      ...node.optional('bindings', node.maybe('bindings')?.value as Record<string, unknown> | undefined),
      pointer: node.pointer,
    }
  })
}

/** Reads operations, declared order. */
export function readOperations(root: SpecNode): Operation[] {
  return root.children('operations').map(([id, entry]) => {
    const node = entry.follow()
    const action = node.string('action')
    if (action !== 'send' && action !== 'receive') node.get('action').fail('ir-type', '`action` is send or receive')
    const channel = node.get('channel')
    const reply = node.maybe('reply')?.follow()
    const named = node.items('messages').map(message => message.refName(MESSAGES))
    return {
      id,
      action,
      channel: channel.refName('#/channels'),
      ...describe(node),
      deprecated: node.flag('deprecated'),
      // The AsyncAPI rule: no list means every message of the channel.
      messages: node.maybe('messages') === undefined ? messagesOf(channel) : named,
      ...node.optional('reply', reply === undefined ? undefined : readReply(reply)),
      ...node.optional('http', readHttp(node.maybe('bindings')?.follow().maybe('http')?.follow())),
      pointer: node.pointer,
    } as Operation
  })
}

/** Reads servers, declared order. */
export function readServers(root: SpecNode): Server[] {
  return root.children('servers').map(([id, entry]) => {
    const node = entry.follow()
    return {
      id,
      host: node.string('host'),
      protocol: node.string('protocol'),
      ...node.optional('pathname', node.text('pathname')),
      ...node.optional('doc', node.text('description')),
      security: node.items('security').map(item => item.follow().pointer.split('/').at(-1) ?? ''),
      pointer: node.pointer,
    }
  })
}

/** Reads components.securitySchemes, declared order. */
export function readSecuritySchemes(root: SpecNode): SecurityScheme[] {
  return (root.maybe('components')?.children('securitySchemes') ?? []).map(([name, node]) => ({
    name,
    scheme: Object.fromEntries(
      node.entries().flatMap(([key, { value }]) => (key === 'description' ? [] : [[key, value]])),
    ),
    ...node.optional('doc', node.text('description')),
    pointer: node.pointer,
  }))
}

function readReply(node: SpecNode): NonNullable<Operation['reply']> {
  const channel = node.maybe('channel')
  const listed = node.items('messages').map(message => message.refName(MESSAGES))
  return {
    ...node.optional('channel', channel?.refName('#/channels')),
    messages: listed.length === 0 && channel !== undefined ? messagesOf(channel) : listed,
  }
}

function readHttp(node: SpecNode | undefined): HttpSpec | undefined {
  const method = node?.text('method')
  if (node === undefined || method === undefined) return undefined
  const query = node.maybe('query')?.follow()
  const required = new Set(query?.items('required').map(item => item.value))
  return {
    method,
    query: (query?.children('properties') ?? []).map(([name, property]) => ({
      name,
      required: required.has(name),
      ...property.optional('doc', property.text('description')),
    })),
  }
}

function messagesOf(channel: SpecNode): string[] {
  return channel
    .follow()
    .children('messages')
    .map(([, message]) => message.refName(MESSAGES))
}

function readParam(name: string, entry: SpecNode): Param {
  const node = entry.follow()
  const values = node.items('enum').map(item => String(item.value))
  return {
    name,
    ...node.optional('doc', node.text('description')),
    ...node.optional('values', values.length === 0 ? undefined : values),
    pointer: node.pointer,
  }
}

function describe(node: SpecNode): { title?: string; summary?: string; doc?: string } {
  return {
    ...node.optional('title', node.text('title')),
    ...node.optional('summary', node.text('summary')),
    ...node.optional('doc', node.text('description')),
  }
}
