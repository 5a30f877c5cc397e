import { type Channel, type Message, messageOf, type Operation, type Spec } from '../ir.js'
import { pascal } from '../names.js'
import { EmitError } from './file.js'
import { typeText } from './type-text.js'
import { messageValidator } from './validators.js'

/** One side of a channel: what the perspective receives there, or what it sends. */
export interface Direction {
  readonly channel: Channel
  readonly action: 'send' | 'receive'
  readonly operations: readonly Operation[]
  /** `BridgeReceives`, the handler interface. */
  readonly handlers: string
  /** `BridgeInbound`, what decoding gives. */
  readonly decoded: string
  readonly decode: string
  readonly dispatch: string
  /** Every message with the operation that it belongs to. */
  readonly cases: readonly Case[]
  /** True for text/plain channels. */
  readonly isText: boolean
  /** The property that tells JSON messages apart, when they have one. */
  readonly tag?: string
}

/** What tells messages apart: a string such as `register`, or an opcode. */
export type Tag = string | number

export interface Case {
  readonly operation: Operation
  readonly message: Message
  /** What a handler gets: the fields of a frame, or the payload. */
  readonly type: string
  /** `validateX` of the payload. */
  readonly validator: string
  /** The value of the tag property. */
  readonly tagValue?: Tag
}

/** True for a request that the perspective makes over HTTP: those go to rest.ts. */
export function isRestCall(spec: Spec, operation: Operation): boolean {
  const channel = spec.channels.find(one => one.id === operation.channel)
  return operation.action === 'send' && operation.http !== undefined && channel?.address !== null
}

/** The directions of every channel that has operations, channels and directions in declared order. */
export function directionsOf(spec: Spec): Direction[] {
  return spec.channels.flatMap(channel =>
    (['receive', 'send'] as const).flatMap(action => {
      const operations = spec.operations.filter(
        one => one.channel === channel.id && one.action === action && !isRestCall(spec, one),
      )
      return operations.length === 0 ? [] : [direction(spec, channel, action, operations)]
    }),
  )
}

/** What a handler of `message` gets, as TypeScript. */
export function messageType(message: Message): string {
  return message.frame?.fields ?? typeText(message.payload)
}

function direction(
  spec: Spec,
  channel: Channel,
  action: 'send' | 'receive',
  operations: readonly Operation[],
): Direction {
  const name = pascal(channel.id)
  const verb = action === 'receive' ? 'Receives' : 'Sends'
  const messages = operations.flatMap(operation =>
    operation.messages.map(message => ({ operation, message: messageOf(spec, message) })),
  )
  const isText = messages.every(({ message }) => message.frame !== undefined)
  const tag = isText
    ? undefined
    : findTag(
        spec,
        messages.map(({ message }) => message),
      )
  checkUnambiguous(messages)
  return {
    channel,
    action,
    operations,
    handlers: `${name}${verb}`,
    decoded: `${name}${action === 'receive' ? 'Inbound' : 'Outbound'}`,
    decode: `decode${name}${verb}`,
    dispatch: `dispatch${name}${verb}`,
    cases: messages.map(({ operation, message }) => {
      const tagValue = tag === undefined ? undefined : tagsOf(spec, message).get(tag)
      return {
        operation,
        message,
        type: messageType(message),
        validator: messageValidator(spec, message.name),
        ...(tagValue === undefined ? {} : { tagValue }),
      }
    }),
    isText,
    ...(tag === undefined ? {} : { tag }),
  }
}

/** A property that holds a different string or number const in every message, all of one type. */
function findTag(spec: Spec, messages: readonly Message[]): string | undefined {
  const tags = messages.map(message => tagsOf(spec, message))
  if (messages.length < 2) return undefined
  return [...(tags[0]?.keys() ?? [])].find(property => {
    const values = tags.map(values => values.get(property))
    const types = new Set(values.map(value => typeof value))
    return !values.includes(undefined) && types.size === 1 && new Set(values).size === values.length
  })
}

function tagsOf(spec: Spec, message: Message): Map<string, Tag> {
  const tags = new Map<string, Tag>()
  const { payload } = message
  const model = payload.kind === 'ref' ? spec.models.find(one => one.name === payload.model) : undefined
  if (model?.kind !== 'object') return tags
  for (const field of model.fields) {
    const { type } = field
    if (!field.required || type.kind !== 'literal') continue
    if (typeof type.value === 'string' || typeof type.value === 'number') tags.set(field.name, type.value)
  }
  return tags
}

function checkUnambiguous(messages: readonly { operation: Operation; message: Message }[]): void {
  const seen = new Map<string, string>()
  for (const { operation, message } of messages) {
    const other = seen.get(message.name)
    if (other !== undefined) {
      throw new EmitError(
        operation.pointer,
        `message \`${message.name}\` belongs to \`${other}\` and \`${operation.id}\`: a receiver could not tell which`,
      )
    }
    if (operation.id === 'unknown' || operation.id === 'invalid') {
      throw new EmitError(operation.pointer, `\`${operation.id}\` is what an undecoded message is called`)
    }
    seen.set(message.name, operation.id)
  }
}
