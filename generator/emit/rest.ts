import type { Channel, HttpSpec, Operation, Spec } from '../ir.js'
import { messageOf } from '../ir.js'
import { key, pascal, quote } from '../names.js'
import { isRestCall, messageType } from './directions.js'
import { EmitError, type EmitOptions, type GeneratedFile } from './file.js'
import { generatedFrom, header, jsdoc, Printer } from './printer.js'
import { importModels, modelsIn } from './type-text.js'
import { messageValidator } from './validators.js'

/** One call, as its pieces of source text. */
interface Call {
  readonly operation: Operation
  readonly http: HttpSpec
  readonly channel: Channel
  /** Name of the exported constant: the operation's id, then `Call`, since messages may have the id's name. */
  readonly name: string
  readonly reply: string
}

/** rest.ts: a typed descriptor for every HTTP request that the perspective makes; no file when there is none. */
export function emitRest(spec: Spec, options: EmitOptions): GeneratedFile[] {
  const calls = spec.operations.filter(one => isRestCall(spec, one)).map(one => callOf(spec, one))
  if (calls.length === 0) return []
  const messages = calls
    .flatMap(({ operation, reply }) => [...operation.messages, reply])
    .map(one => messageOf(spec, one))
  const channels = [...new Set(calls.map(call => call.channel))]
  const validators = [...new Set(calls.map(call => messageValidator(spec, call.reply)))].sort()
  const addresses = channels.flatMap(channel => [
    addressOf(channel),
    ...(channel.params.length === 0 ? [] : [`type ${pascal(channel.id)}Params`]),
  ])
  const out = new Printer().print(header(spec, options), '')
  out.print(`import { ${addresses.join(', ')} } from './channels.js'`)
  out.print(
    importModels(
      spec,
      messages.flatMap(message => modelsIn(message.payload)),
    ),
  )
  out.print(`import { type Validate, ${validators.join(', ')} } from './validators.js'`, '')
  out.print(REST_CALL)
  for (const call of calls) {
    const { operation, http, channel } = call
    const body = operation.messages.map(one => messageType(messageOf(spec, one))).join(' | ') || 'undefined'
    const reply = messageType(messageOf(spec, call.reply))
    out.doc(operation.summary ?? operation.doc, generatedFrom(operation.pointer))
    out.print(`export const ${call.name}: RestCall<${paramsType(channel, http)}, ${body}, ${reply}> = {`)
    out.print(`id: ${quote(operation.id)},`, `method: ${quote(http.method)},`)
    out.print(`path: ${pathText(channel, http)},`, `reply: ${messageValidator(spec, call.reply)},`, '}', '')
  }
  return [{ path: 'rest.ts', text: out.toString() }]
}

const REST_CALL = `/** One kind of HTTP request: what it takes, where it goes, and how its answer is checked. Does no I/O. */
export interface RestCall<Params, Request, Reply> {
  /** Id of the operation. */
  readonly id: string
  readonly method: string
  /** Path and query below the base URL, percent-encoded. */
  readonly path: (params: Params) => string
  readonly reply: Validate<Reply>
  /** Never set: carries the type of the body. */
  readonly request?: Request
}

/** For requests whose path does not vary. */
export type NoParams = Readonly<Record<never, never>>

function query(params: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(params).filter(pair => pair[1] !== undefined)
  return pairs.length === 0 ? '' : \`?\${pairs.map(([name, value]) => \`\${name}=\${encodeURIComponent(String(value))}\`).join('&')}\`
}
`

function callOf(spec: Spec, operation: Operation): Call {
  const channel = spec.channels.find(one => one.id === operation.channel)
  const reply = operation.reply?.messages ?? []
  if (channel === undefined || operation.http === undefined) throw new Error(`${operation.id} is no REST call`)
  if (reply.length !== 1 || reply[0] === undefined) {
    throw new EmitError(operation.pointer, `\`${operation.id}\` needs a reply with exactly one message`)
  }
  return { operation, http: operation.http, channel, name: `${operation.id}Call`, reply: reply[0] }
}

/** Same rule as channels.ts. */
function addressOf(channel: Channel): string {
  const name = pascal(channel.id)
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}Address`
}

function paramsType(channel: Channel, http: HttpSpec): string {
  const path = channel.params.length === 0 ? '' : `${pascal(channel.id)}Params`
  if (http.query.length === 0) return path === '' ? 'NoParams' : path
  const members = http.query.map(
    one =>
      `${one.doc === undefined ? '' : `${jsdoc([one.doc])} `}readonly ${key(one.name)}${one.required ? '' : '?'}: string`,
  )
  return `${path === '' ? '' : `${path} & `}{ ${members.join('; ')} }`
}

function pathText(channel: Channel, http: HttpSpec): string {
  const base = addressOf(channel)
  if (http.query.length === 0) return base
  const names = http.query.map(one => `${key(one.name)}: params[${quote(one.name)}]`).join(', ')
  return `params => ${base}(${channel.params.length === 0 ? '' : 'params'}) + query({ ${names} })`
}
