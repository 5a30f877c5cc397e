import type { Channel, Operation, Spec } from '../../ir.js'
import { code, inline, type Markdown, prose } from './markdown.js'
import { messageLink } from './messages.js'

/** The chapter of servers and how to authenticate there. */
export function serverChapter(out: Markdown, spec: Spec): void {
  if (spec.servers.length === 0) return
  out.heading(2, 'Servers', 'Servers')
  out.table(
    ['Server', 'Address', 'Authentication', 'Meaning'],
    spec.servers.map(server => [
      code(server.id),
      code(`${server.protocol}://${server.host}${server.pathname ?? ''}`),
      server.security.map(code).join(' or '),
      inline(server.doc),
    ]),
  )
  if (spec.securitySchemes.length === 0) return
  out.block('Authentication:')
  out.table(
    ['Scheme', 'How', 'Meaning'],
    spec.securitySchemes.map(({ name, scheme, doc }) => [
      code(name),
      Object.entries(scheme)
        .map(([key, value]) => `${inline(key)} ${code(String(value))}`)
        .join(', '),
      inline(doc),
    ]),
  )
}

/** The chapter of channels, each with its operations as both sides see them. */
export function channelChapter(out: Markdown, spec: Spec): void {
  if (spec.channels.length === 0) return
  const me = inline(spec.perspective)
  out.heading(2, 'Channels', 'Channels')
  out.block(`What the ${me} receives, its peer sends, and the other way round.`)
  const requests = spec.operations.filter(operation => isRequest(spec, operation))
  for (const channel of spec.channels) {
    const operations = spec.operations.filter(one => one.channel === channel.id && !requests.includes(one))
    if (operations.length === 0 && requests.some(one => one.channel === channel.id)) continue
    channelEntry(out, spec, channel, operations)
  }
  const servers = [...new Set(requests.flatMap(one => channelOf(spec, one)?.servers ?? []))]
  for (const server of servers) {
    const calls = requests.filter(one => channelOf(spec, one)?.servers[0] === server)
    if (calls.length === 0) continue
    out.heading(3, `Requests to ${server}`)
    out.block(`The ${me} makes these.`)
    requestTable(out, spec, calls)
  }
}

/** A plain HTTP call out: dozens of them read better as one table per server. */
function isRequest(spec: Spec, operation: Operation): boolean {
  const channel = channelOf(spec, operation)
  return operation.action === 'send' && operation.http !== undefined && channel?.address != null
}

function channelOf(spec: Spec, operation: Operation): Channel | undefined {
  return spec.channels.find(channel => channel.id === operation.channel)
}

function channelEntry(out: Markdown, spec: Spec, channel: Channel, operations: readonly Operation[]): void {
  const { id, title = id } = channel
  out.heading(3, title.toLowerCase() === id.toLowerCase() ? title : `${title} (${id})`)
  out.block(prose(channel.doc ?? channel.summary))
  const address = channel.address === null ? 'known only at run time' : code(channel.address)
  const servers = channel.servers.length === 0 ? '' : ` Servers: ${channel.servers.map(code).join(', ')}.`
  out.block(`Address: ${address}.${servers}`)
  out.table(
    ['Parameter', 'Values', 'Meaning'],
    channel.params.map(param => [code(param.name), (param.values ?? []).map(code).join(', '), inline(param.doc)]),
  )
  out.table(
    ['Operation', `The ${inline(spec.perspective)}`, 'A peer', 'Method', 'Message', 'Answer', 'Meaning'],
    operations.map(operation => [
      code(operation.id),
      operation.action === 'receive' ? 'receives' : 'sends',
      operation.action === 'receive' ? 'sends' : 'receives',
      operation.http === undefined ? '' : code(operation.http.method),
      ...exchange(operation),
    ]),
  )
}

function requestTable(out: Markdown, spec: Spec, operations: readonly Operation[]): void {
  out.table(
    ['Operation', 'Request', 'Parameters', 'Body', 'Answer', 'Meaning'],
    operations.map(operation => {
      const channel = channelOf(spec, operation)
      const path = (channel?.params ?? []).map(({ name, doc }) => parameter(name, doc, true))
      const query = (operation.http?.query ?? []).map(({ name, doc, required }) => parameter(name, doc, required))
      return [
        code(operation.id),
        code(`${operation.http?.method ?? ''} ${channel?.address ?? ''}`),
        [...path, ...query].join('; '),
        ...exchange(operation),
      ]
    }),
  )
}

/** Message, answer and meaning. */
function exchange(operation: Operation): string[] {
  return [
    operation.messages.map(messageLink).join(' or '),
    (operation.reply?.messages ?? []).map(messageLink).join(' or '),
    `${operation.deprecated ? '**Deprecated.** ' : ''}${inline(operation.summary ?? operation.doc)}`,
  ]
}

function parameter(name: string, doc: string | undefined, required: boolean): string {
  const text = inline(doc).replace(/\.$/, '')
  return `${code(name)}${required ? '' : ' (optional)'}${text === '' ? '' : `: ${text}`}`
}
