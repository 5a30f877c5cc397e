import { type Json, list, type PeerCase, part, quoted } from './read.js'

/** Their `allowlist_cases.json`. */
export function readAllowlist(file: Json): PeerCase[] {
  return list(file, 'cases').map(({ name, patterns, email, expected }) => ({
    about: String(name).replaceAll('_', ' '),
    op: 'allowlist.allows',
    input: { patterns, principals: [email] },
    expect: { ok: expected },
  }))
}

/** Their `codec_cases.json`. */
export function readCodec(file: Json): PeerCase[] {
  const roundtrip =
    (what: string, extra: object, requires?: readonly string[]) =>
    ({ input }: Json): PeerCase => ({
      about: `${what} of ${quoted(input)}`,
      op: 'codec.encode',
      ...(requires === undefined ? {} : { requires }),
      input: { payload: input, to: 'a', from: 'b', platform: 'webex', ...extra },
      expect: { ok: input, match: 'roundtrip' },
    })
  return [
    ...list(file, 'roundtrips').map(roundtrip('compression', { compress: 'always' })),
    ...list(file, 'encrypt_roundtrips').map(roundtrip('encryption', { keys: [file['encrypt_test_key']] }, ['crypto'])),
    ...list(file, 'chunking').map(item => ({
      about: `chunks: ${item['description']}`,
      op: 'codec.chunk',
      input: { text: item['input'], limit: { size: item['max_size'], unit: 'utf16-units' } },
      expect: { ok: item['expected_chunks'] },
    })),
  ]
}

/** Their `protocol_cases.json`. */
export function readProtocol(file: Json): PeerCase[] {
  return [
    ...(['echo', 'response'] as const).flatMap(kind => frames(file, kind)),
    ...['is_echo', 'is_pause', 'is_resume'].flatMap(field => questions(file, field)),
    ...list(file, 'parse_flags').map(item => ({
      about: `flags ${item['input']} are read`,
      op: 'flags.parse',
      input: { text: item['input'] },
      expect: { ok: flags(item) },
    })),
    ...list(file, 'format_flags').map(item => ({
      about: `flags ${item['expected']} are written`,
      op: 'flags.format',
      input: flags(item),
      expect: { ok: item['expected'] },
    })),
  ]
}

/** What their errors say, and which codes of ours say the same. */
const ERRORS: Readonly<Record<string, PeerCase['expect']>> = {
  'not an echo': { error: 'not-a-frame' },
  empty: { error: 'slug-invalid', orErrors: ['frame-malformed'] },
}

function frames(file: Json, kind: 'echo' | 'response'): PeerCase[] {
  const op = kind === 'echo' ? 'Echo' : 'Response'
  const parse = part(file, `parse_${kind}`)
  return [
    ...list(file, `format_${kind}`).map(({ expected, ...frame }) => ({
      about: `${kind} ${quoted(expected)} is written`,
      op: `frame.format${op}`,
      input: frame,
      expect: { ok: expected },
    })),
    ...list(parse, 'valid').map(({ input, ...frame }) => ({
      about: `${kind} ${quoted(input)} is read`,
      op: `frame.parse${op}`,
      input: { text: input },
      expect: { ok: frame },
    })),
    ...list(parse, 'errors').map(item => ({
      about: `${kind} ${quoted(item['input'])} is refused`,
      op: `frame.parse${op}`,
      input: { text: item['input'] },
      expect: refusal(item['error_contains']),
    })),
    ...list(part(file, 'roundtrips'), kind).map(frame => ({
      about: `${kind} of ${quoted(frame['payload'])} is read back`,
      op: `frame.format${op}`,
      input: frame,
      expect: { ok: frame, match: 'roundtrip' as const },
    })),
  ]
}

function refusal(words: unknown): PeerCase['expect'] {
  const expect = ERRORS[String(words)]
  if (expect === undefined) throw new TypeError('an error of an unknown kind')
  return expect
}

const QUESTIONS: Readonly<Record<string, string>> = {
  is_echo: 'frame.isEcho',
  is_pause: 'control.isPause',
  is_resume: 'control.isResume',
}

function questions(file: Json, field: string): PeerCase[] {
  return list(file, field).map(item => ({
    about: `${quoted(item['input'])} ${item['expected'] === true ? 'is' : 'is not'} ${field.replace('is_', 'a ')}`,
    op: QUESTIONS[field] ?? field,
    input: { text: item['input'] },
    expect: { ok: item['expected'] },
  }))
}

/** They have null where we have nothing. */
function flags({ compressed, encrypted, chunk_seq: index, chunk_total: total }: Json): Json {
  return { compressed, encrypted, ...(index === null ? {} : { chunk: { index, total } }) }
}
