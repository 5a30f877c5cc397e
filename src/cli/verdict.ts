import {
  isEcho,
  isPause,
  isResume,
  parseAppCommand,
  parseEcho,
  parseFlags,
  parseResponse,
} from '../../generated/frames.js'
import { isMessageName, MESSAGES, type MessageName } from '../../generated/messages.js'
import { BRIDGE_TYPES } from '../../generated/models.js'
import type { Validate } from '../../generated/validators.js'
import * as validators from '../../generated/validators.js'
import { WgrokError } from '../errors.js'
import { type Explanation, explain } from '../validate.js'

/** One finding of a verdict. */
export type Finding = Pick<Explanation, 'pointer' | 'expected' | 'got'>

/** What became of one document. */
export interface Verdict {
  /** Message or schema that it was held against. */
  readonly name: string
  readonly valid: boolean
  readonly findings: readonly Finding[]
}

/** Judges documents of one kind. */
export interface Judge {
  /** Documents are frames, not JSON. */
  readonly text: boolean
  judge(document: string): Verdict
}

/** Holds JSON and frames against whatever message they seem to be. */
export const detect: Judge = {
  text: false,
  judge: document => {
    if (!document.startsWith('./')) return judgeJson('BridgeEnvelope', validators.validateBridgeEnvelope, document)
    if (isPause(document)) return judgeText('Pause', document)
    if (isResume(document)) return judgeText('Resume', document)
    return judgeText(isEcho(document) ? 'Echo' : 'AppCommand', document)
  },
}

/** Judges by a message of the spec. @throws WgrokError `config-invalid` for a name that is none */
export function messageJudge(name: string): Judge {
  if (!isMessageName(name)) throw unknownName('message', name, Object.keys(MESSAGES))
  const { contentType, validate } = MESSAGES[name]
  if (contentType === 'text/plain') return { text: true, judge: document => judgeText(name, document) }
  return { text: false, judge: document => judgeJson(name, validate, document) }
}

/** Judges JSON by a schema of the spec. @throws WgrokError `config-invalid` for a name that is none */
export function schemaJudge(name: string): Judge {
  const validate: unknown = Object.hasOwn(validators, `validate${name}`)
    ? (validators as Readonly<Record<string, unknown>>)[`validate${name}`]
    : undefined
  if (!isValidate(validate)) throw unknownName('schema', name, schemaNames())
  return { text: false, judge: document => judgeJson(name, validate, document) }
}

/** Names that {@link schemaJudge} takes. */
export function schemaNames(): string[] {
  return Object.keys(validators)
    .filter(key => key.startsWith('validate'))
    .map(key => key.slice('validate'.length))
}

/** A document that cannot be read at all. */
export function unreadable(name: string, expected: string, got: string): Verdict {
  return { name, valid: false, findings: [{ pointer: '', expected, got }] }
}

function judgeJson(name: string, validate: Validate<unknown>, document: string): Verdict {
  let data: unknown
  try {
    data = JSON.parse(document)
  } catch {
    return unreadable(name, 'JSON', document.trim() === '' ? 'nothing' : 'text that is none')
  }
  const shown = name === 'BridgeEnvelope' ? (bridgeMessage(data) ?? name) : name
  if (validate(data)) return { name: shown, valid: true, findings: [] }
  return { name: shown, valid: false, findings: explain(validate.errors, data).map(finding => sharpen(finding, data)) }
}

/** The message that an envelope's `type` makes it. */
function bridgeMessage(data: unknown): string | undefined {
  const type = BRIDGE_TYPES.find(known => known === tagOf(data))
  return type === undefined ? undefined : `Bridge${type.charAt(0).toUpperCase()}${type.slice(1)}`
}

function tagOf(data: unknown): unknown {
  return typeof data === 'object' && data !== null && 'type' in data ? data.type : undefined
}

const TAG_MAX = 40

/** A wrong `type` is a typing error more often than not: say which there are, and quote the one that is not. */
function sharpen({ pointer, expected, got, keyword }: Explanation, data: unknown): Finding {
  if (keyword !== 'discriminator') return got === undefined ? { pointer, expected } : { pointer, expected, got }
  const tag = tagOf(data)
  const quoted = typeof tag === 'string' && tag.length <= TAG_MAX ? JSON.stringify(tag) : (got ?? 'nothing')
  return { pointer, expected: `one of ${BRIDGE_TYPES.join(', ')}`, got: quoted }
}

const PARSERS = { Echo: parseEcho, Response: parseResponse, AppCommand: parseAppCommand } as const

/** A frame: the spec's pattern knows its shape; the fields say more. */
function judgeText(name: MessageName, document: string): Verdict {
  if (MESSAGES[name].validate(document)) return judgeFields(name, document)
  const parsed = Object.hasOwn(PARSERS, name) ? PARSERS[name as keyof typeof PARSERS](document) : undefined
  const got = typeof parsed === 'string' ? parsed : 'text that is none'
  return unreadable(name, EXPECTED[name] ?? name, got)
}

const EXPECTED: Readonly<Partial<Record<MessageName, string>>> = {
  Echo: './echo:{to}:{from}:{flags}:{payload}',
  Response: '{to}:{from}:{flags}:{payload}',
  AppCommand: './{app}:{payload}',
  Pause: './pause',
  Resume: './resume',
}

function judgeFields(name: MessageName, document: string): Verdict {
  const frame = name === 'Echo' ? parseEcho(document) : name === 'Response' ? parseResponse(document) : undefined
  if (frame === undefined || typeof frame === 'string' || parseFlags(frame.flags) !== undefined) {
    return { name, valid: true, findings: [] }
  }
  const expected = '- or [z][e][N/M], 1 <= N <= M'
  return { name, valid: false, findings: [{ pointer: '/flags', expected, got: 'text that is neither' }] }
}

function isValidate(value: unknown): value is Validate<unknown> {
  return typeof value === 'function'
}

function unknownName(kind: 'message' | 'schema', name: string, known: readonly string[]): WgrokError {
  const near = known.filter(candidate => candidate.toLowerCase().includes(name.toLowerCase()))
  const hint = near.length > 0 && name !== '' ? `; did you mean ${near.slice(0, 5).join(', ')}?` : ''
  return new WgrokError('config-invalid', `the spec has no ${kind} of that name${hint} (--list prints all)`)
}
