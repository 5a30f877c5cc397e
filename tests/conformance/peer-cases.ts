import type { ConformanceCase, Suite } from '../../src/conformance/suite.js'

/** A case of another implementation, in our form; or the reason why it cannot be run. */
export type PeerCase =
  | { readonly name: string; readonly op: string; readonly input: unknown; readonly expect: ConformanceCase['expect'] }
  | { readonly name: string; readonly skip: string }
  | { readonly name: string; readonly op: string; readonly input: unknown; readonly errorContains: string }

type Json = Readonly<Record<string, unknown>>

/** Reads the published implementations' own case files: every file has a shape of its own. */
export function readPeerFile(name: string, file: Json): readonly PeerCase[] {
  return READERS[name]?.(file) ?? [{ name, skip: 'file of a kind that no operation covers yet' }]
}

/** A suite around one case, as the judge wants it. */
export function asSuite(
  op: string,
  input: unknown,
  expect: ConformanceCase['expect'],
): readonly [Suite, ConformanceCase] {
  const item: ConformanceCase = { id: 'peer', about: 'of a peer', level: 'must', since: '1.0', input, expect }
  return [{ format: 1, suite: 'peer', title: 'peer', op, cases: [item] }, item]
}

const READERS: Readonly<Record<string, (file: Json) => readonly PeerCase[]>> = {
  'allowlist_cases.json': file =>
    list(file, 'cases').map(item => ({
      name: String(item['name']),
      op: 'allowlist.allows',
      input: { patterns: item['patterns'], principals: [item['email']] },
      expect: { ok: item['expected'] },
    })),
  'codec_cases.json': readCodec,
  'protocol_cases.json': readProtocol,
}

function readCodec(file: Json): readonly PeerCase[] {
  const key = file['encrypt_test_key']
  const roundtrip = (name: string, extra: Json) => (item: Json, index: number) => ({
    name: `${name} ${index + 1}`,
    op: 'codec.encode',
    input: { payload: item['input'], to: 'a', from: 'b', platform: 'webex', ...extra },
    expect: { ok: item['input'], match: 'roundtrip' as const },
  })
  return [
    ...list(file, 'roundtrips').map(roundtrip('compress', { compress: 'always' })),
    ...list(file, 'encrypt_roundtrips').map(roundtrip('encrypt', { keys: [key] })),
    ...list(file, 'chunking').map(item => ({
      name: `chunk: ${item['description']}`,
      op: 'codec.chunk',
      input: { text: item['input'], limit: { size: item['max_size'], unit: 'utf16-units' } },
      expect: { ok: item['expected_chunks'] },
    })),
  ]
}

function readProtocol(file: Json): readonly PeerCase[] {
  const cases: PeerCase[] = []
  for (const [kind, op] of [
    ['echo', 'Echo'],
    ['response', 'Response'],
  ] as const) {
    for (const [index, { expected, ...frame }] of list(file, `format_${kind}`).entries()) {
      cases.push({
        name: `format ${kind} ${index + 1}`,
        op: `frame.format${op}`,
        input: frame,
        expect: { ok: expected },
      })
    }
    const parse = file[`parse_${kind}`] as Json
    for (const [index, { input, ...frame }] of list(parse, 'valid').entries()) {
      cases.push({
        name: `parse ${kind} ${index + 1}`,
        op: `frame.parse${op}`,
        input: { text: input },
        expect: { ok: frame },
      })
    }
    for (const [index, item] of list(parse, 'errors').entries()) {
      const input = { text: item['input'] }
      const errorContains = String(item['error_contains'])
      cases.push({ name: `refuse ${kind} ${index + 1}`, op: `frame.parse${op}`, input, errorContains })
    }
    for (const [index, frame] of list(file['roundtrips'] as Json, kind).entries()) {
      const expect = { ok: frame, match: 'roundtrip' as const }
      cases.push({ name: `roundtrip ${kind} ${index + 1}`, op: `frame.format${op}`, input: frame, expect })
    }
  }
  for (const [field, op] of [
    ['is_echo', 'frame.isEcho'],
    ['is_pause', 'control.isPause'],
    ['is_resume', 'control.isResume'],
  ] as const) {
    for (const [index, item] of list(file, field).entries()) {
      cases.push({
        name: `${field} ${index + 1}`,
        op,
        input: { text: item['input'] },
        expect: { ok: item['expected'] },
      })
    }
  }
  for (const item of list(file, 'parse_flags')) {
    cases.push({
      name: `flags ${item['input']}`,
      op: 'flags.parse',
      input: { text: item['input'] },
      expect: { ok: flags(item) },
    })
  }
  for (const item of list(file, 'format_flags')) {
    cases.push({
      name: `format ${item['expected']}`,
      op: 'flags.format',
      input: flags(item),
      expect: { ok: item['expected'] },
    })
  }
  return cases
}

function flags(item: Json): Json {
  const { compressed, encrypted, chunk_seq: index, chunk_total: total } = item
  return { compressed, encrypted, ...(index === null ? {} : { chunk: { index, total } }) }
}

function list(file: Json, field: string): readonly Json[] {
  return file[field] as readonly Json[]
}
