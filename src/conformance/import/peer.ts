import { WgrokError } from '../../errors.js'
import type { ConformanceCase, Suite } from '../suite.js'
import { readAllowlist, readCodec, readProtocol } from './pure.js'
import { type PeerCase, slug } from './read.js'
import { readSlack, readWebex } from './rest.js'

/** A peer's case file in our form, and the names of its parts that have none. */
export interface Imported {
  readonly suite: Suite
  readonly left: readonly string[]
}

interface Reader {
  /** The parts of the file that are read. */
  readonly parts: readonly string[]
  readonly op: string
  read(file: Readonly<Record<string, unknown>>): readonly PeerCase[]
}

/** Every file of theirs has a shape of its own. */
const READERS: Readonly<Record<string, Reader>> = {
  'allowlist_cases.json': { parts: ['cases'], op: 'allowlist.allows', read: readAllowlist },
  'codec_cases.json': {
    parts: ['roundtrips', 'encrypt_roundtrips', 'encrypt_test_key', 'chunking'],
    op: 'codec.encode',
    read: readCodec,
  },
  'protocol_cases.json': {
    parts: [
      'echo_prefix',
      'format_echo',
      'parse_echo',
      'is_echo',
      'format_response',
      'parse_response',
      'parse_flags',
      'format_flags',
      'is_pause',
      'is_resume',
      'roundtrips',
    ],
    op: 'frame.parseEcho',
    read: readProtocol,
  },
  'slack_cases.json': { parts: ['send_message', 'send_card', 'retry_after'], op: 'rest.send', read: readSlack },
  'webex_cases.json': {
    parts: ['extract_cards', 'send_message', 'send_card', 'retry_after'],
    op: 'rest.send',
    read: readWebex,
  },
}

/**
 * Turns a case file of the published wgrok project into a suite of ours, named `peer/<name>`.
 *
 * @param name of the file: it tells the shape
 * @throws WgrokError `config-invalid` for a file that is none of theirs
 */
export function readPeerFile(name: string, text: string): Imported {
  const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined
  if (reader === undefined) {
    throw new WgrokError('config-invalid', `${name} is none of ${Object.keys(READERS).join(', ')}`)
  }
  let file: Readonly<Record<string, unknown>>
  let found: readonly PeerCase[]
  try {
    file = JSON.parse(text)
    found = reader.read(file)
  } catch (cause) {
    throw new WgrokError('config-invalid', `${name} has not the shape of that file`, { cause })
  }
  const title = name.replace('_cases.json', '')
  const suite: Suite = {
    format: 1,
    suite: `peer/${title}`,
    title: `The published project's cases: ${title}`,
    op: reader.op,
    cases: named(found, reader.op),
  }
  return { suite, left: Object.keys(file).filter(part => !reader.parts.includes(part)) }
}

/** Theirs have no ids: they get what they are about, and a number where that is not enough. */
function named(found: readonly PeerCase[], suiteOp: string): ConformanceCase[] {
  const seen = new Map<string, number>()
  return found.map(({ about, op, requires, input, expect }) => {
    const stem = slug(about)
    const count = (seen.get(stem) ?? 0) + 1
    seen.set(stem, count)
    return {
      id: count === 1 ? stem : `${stem}-${count}`,
      about,
      ...(op === suiteOp ? {} : { op }),
      level: 'must',
      since: '1.0',
      ...(requires === undefined ? {} : { requires }),
      input,
      expect,
    }
  })
}
