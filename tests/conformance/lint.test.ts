import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, it } from 'vitest'
import { schemaProblems } from '../../src/conformance/json-schema.js'
import { lintText } from '../../src/conformance/lint.js'
import { freeze, loadRequirements, notScored, requirementsProblems } from '../../src/conformance/requirements.js'
import { DRIVER_SCHEMA, REPORT_SCHEMA, SUITE_SCHEMA } from '../../src/conformance/schemas.js'
import { wgrokTestee } from '../../src/conformance/wgrok-testee.js'
import { mutate, seeded } from '../support/random.js'
import { CASES, suites, wgrok } from './support.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-lint-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { ops } = await wgrokTestee('test').hello()
const SUITES = [
  ...['protocol', 'codec', 'allowlist', 'config', 'webex', 'slack', 'discord', 'irc', 'platform_dispatch'],
  ...['sender', 'router_bot', 'receiver', 'bridge'],
]

describe('the shared cases', () => {
  it('are all there, at least four hundred, and have no problems', async () => {
    const all = await suites()
    expect(all.map(({ suite }) => suite)).toEqual([...SUITES].sort())
    expect(all.reduce((sum, { cases }) => sum + cases.length, 0)).toBeGreaterThanOrEqual(400)
    const { code, stdout } = await wgrok(['conformance', 'lint'])
    expect(stdout).toMatch(/^13 files, [\d,]+ cases, 0 problems\n$/)
    expect(code).toBe(0)
  })

  it('say what they are about and where that is from', async () => {
    const silent = (await suites()).flatMap(({ suite, cases }) =>
      cases
        .filter(({ about, spec = [] }) => about.length < 8 || spec.some(one => !one.includes('#')))
        .map(one => `${suite}#${one.id}`),
    )
    expect(silent).toEqual([])
  })

  it.each(['protocol', 'codec', 'sender', 'receiver', 'router_bot', 'bridge'])('of %s go beyond ASCII', name => {
    const text = JSON.stringify(JSON.parse(readFileSync(join(CASES, `${name}_cases.json`), 'utf8')))
    const kinds = {
      two: /[\u0080-\u07ff]/u,
      three: /[\u0800-\ud7ff]/u,
      four: /[\u{10000}-\u{10ffff}]/u,
      separator: /\u2028/,
    }
    expect(Object.keys(kinds).filter(kind => !kinds[kind as keyof typeof kinds].test(text))).toEqual([])
    expect(text.includes('\\r\\n')).toBe(true)
  })
})

/** A suite that is sound, changed. */
function changed(
  change: (suite: Record<string, unknown>, cases: Record<string, unknown>[]) => void,
): readonly string[] {
  const item = { id: 'a', about: 'about it', level: 'must', since: '1.0', input: { text: 'x' }, expect: { ok: true } }
  const cases: Record<string, unknown>[] = [item, { ...item, id: 'b' }]
  const suite = { format: 1, suite: 'toy', title: 'Toy', op: 'frame.isEcho', cases }
  change(suite, cases)
  return lintText(JSON.stringify(suite), ops).problems
}

describe('lint', () => {
  it('has nothing to say of a sound file', () => expect(changed(() => {})).toEqual([]))

  it.each<[string, (suite: Record<string, unknown>, cases: Record<string, unknown>[]) => void, string]>([
    ['a duplicate id', (_, [, b]) => Object.assign(b ?? {}, { id: 'a' }), 'a: another case has the same id'],
    ['an unknown op', suite => Object.assign(suite, { op: 'frame.fold' }), 'a: there is no operation frame.fold'],
    ['an unknown op of a case', (_, [a]) => Object.assign(a ?? {}, { op: 'no.op' }), 'a: there is no operation no.op'],
    [
      'ok together with error',
      (_, [a]) => Object.assign(a ?? {}, { expect: { ok: true, error: 'timeout' } }),
      'a: expects an answer and an error, ok together with error',
    ],
    ['neither', (_, [a]) => Object.assign(a ?? {}, { expect: { match: 'exact' } }), 'a /expect: is none of ok | error'],
    [
      'an unknown error',
      (_, [a]) => Object.assign(a ?? {}, { expect: { error: 'oops' } }),
      'a: the spec has no error oops',
    ],
    ['an unknown feature', suite => Object.assign(suite, { requires: ['warp'] }), 'a: there is no feature warp'],
    [
      'a flag without note',
      (_, [a]) => Object.assign(a ?? {}, { flags: ['dos'] }),
      'a: no note says what the flag dos stands for',
    ],
    ['an unknown property', (_, [a]) => Object.assign(a ?? {}, { inputs: 1 }), 'a /inputs: is not allowed here'],
    ['a missing level', (_, [a]) => delete a?.['level'], 'a: lacks level'],
    ['a bad id', (_, [a]) => Object.assign(a ?? {}, { id: 'A b' }), 'A b /id: must match ^[a-z0-9][a-z0-9-]{0,63}$'],
    [
      'no way back',
      (_, [a]) => Object.assign(a ?? {}, { expect: { ok: 1, match: 'roundtrip' } }),
      'a: frame.isEcho has no inverse to make a round trip with',
    ],
    [
      'an invalid frame in a script',
      (_, [a]) => {
        delete a?.['input']
        Object.assign(a ?? {}, { op: 'bridge.server', script: [{ open: 'a:b' }, { send: { type: 'launch' } }] })
      },
      'a: step 2 sends an invalid frame; what is meant to be invalid is sent as sendRaw',
    ],
  ])('rejects %s', (_name, change, problem) => expect(changed(change)).toContain(problem))

  it('rejects text that is no JSON, and exits 1', async () => {
    writeFileSync(join(folder, 'bad_cases.json'), '{')
    const { code, stdout } = await wgrok(['conformance', 'lint', folder])
    expect(stdout).toMatch(/^bad_cases\.json: not JSON: /)
    expect(code).toBe(1)
    expect((await wgrok(['conformance', 'lint', join(folder, 'nowhere')])).code).toBe(2)
  })
})

describe('schemas of the conformance suite', () => {
  const ajv = new Ajv2020({
    strict: true,
    strictRequired: false,
    formats: { uri: true, 'date-time': true },
    allErrors: true,
  })
  const compiled = [SUITE_SCHEMA, DRIVER_SCHEMA, REPORT_SCHEMA].map(
    schema => [schema, ajv.compile(schema as object)] as const,
  )

  it('are read by lint as Ajv reads them', () => {
    const random = seeded(6)
    const sources = SUITES.map(name => readFileSync(join(CASES, `${name}_cases.json`), 'utf8'))
      .map(text => JSON.parse(text))
      .map(suite => JSON.stringify({ ...suite, cases: suite.cases.slice(0, 3) }))
    const lines = [
      '{"cmd":"run","seq":1,"op":"a.b","input":{}}',
      '{"seq":1,"ok":null}',
      '{"seq":1,"error":{"code":"x"}}',
      '{"kind":"result","case":"a#b","verdict":"pass","scored":true,"ms":1.5}',
    ]
    let invalid = 0
    for (let n = 0; n < 20_000; n++) {
      const source = n % 2 === 0 ? sources[n % sources.length] : lines[n % lines.length]
      let value: unknown
      try {
        value = JSON.parse(mutate(source ?? '', random))
      } catch {
        continue
      }
      for (const [schema, validate] of compiled) {
        const fits = schemaProblems(value, schema).length === 0
        if (!fits) invalid += 1
        if (fits !== validate(value)) throw new Error(`they differ on ${JSON.stringify(value).slice(0, 500)}`)
      }
    }
    expect(invalid).toBeGreaterThan(1000)
  })

  it('know all their keywords', () => {
    expect(() => schemaProblems(1, { whatever: 1 })).toThrow('schema keyword whatever is not known')
    expect(() => schemaProblems(1, { $ref: '#/$defs/none' })).toThrow('leads nowhere')
  })
})

describe('requirements', () => {
  it('that come with the cases name cases that there are', async () => {
    const requirements = await loadRequirements(CASES, '1.0')
    const names = new Set((await suites()).flatMap(({ suite, cases }) => cases.map(({ id }) => `${suite}#${id}`)))
    expect(Object.keys(requirements?.cases ?? {}).filter(name => !names.has(name))).toEqual([])
    expect(Object.keys(requirements?.cases ?? {}).length).toBeGreaterThan(400)
  })

  it('that are frozen let words be mended and nothing else', async () => {
    const [protocol] = await suites('protocol')
    const [first, second, ...rest] = protocol?.cases ?? []
    if (protocol === undefined || first === undefined || second === undefined) throw new Error('no cases')
    const frozen = freeze([protocol], '1.0', true)
    const edit = (change: object): string[] =>
      requirementsProblems([{ ...protocol, cases: [{ ...first, ...change }, second, ...rest] }], frozen)
    expect(edit({ about: 'the same in other words' })).toEqual([])
    expect(edit({ expect: { ok: 1 } })).toEqual([
      `protocol#${first.id}: required by spec 1.0, but changed; give it a new id`,
    ])
    expect(edit({ level: 'may' })).toHaveLength(1)
    expect(requirementsProblems([{ ...protocol, cases: rest }], frozen)).toHaveLength(2)
    expect(requirementsProblems([{ ...protocol, cases: rest }], { ...frozen, released: false })).toEqual([])
  })

  it('leave out what came later, and what is known not to count', async () => {
    const [protocol] = await suites('protocol')
    const [first, second] = protocol?.cases ?? []
    if (protocol === undefined || first === undefined || second === undefined) throw new Error('no cases')
    const frozen = {
      ...freeze([{ ...protocol, cases: [first] }], '1.0', true),
      notScored: { [`protocol#${first.id}`]: 'extension' },
    }
    expect(notScored(protocol, second, { requirements: frozen })).toBe('added-after-release')
    expect(notScored(protocol, first, { requirements: frozen })).toBe('extension')
    expect(notScored(protocol, second, { requirements: { ...frozen, released: false } })).toBeUndefined()
    expect(notScored(protocol, { ...second, level: 'should' }, { lenient: true })).toBe('should')
    expect(notScored(protocol, { ...second, level: 'may' }, {})).toBe('may')
  })

  it('are written by lint --freeze, and are no draft after that', async () => {
    const copy = join(folder, 'frozen')
    cpSync(CASES, copy, { recursive: true })
    expect((await wgrok(['conformance', 'lint', copy, '--freeze'])).code).toBe(0)
    expect((await loadRequirements(copy, '1.0'))?.released).toBe(true)
    expect((await wgrok(['conformance', 'lint', copy, '--draft'])).code).toBe(2)
    const file = join(copy, 'allowlist_cases.json')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"ok": true', '"ok": false'))
    const { code, stdout } = await wgrok(['conformance', 'lint', copy])
    expect(stdout).toContain('allowlist#domain: required by spec 1.0, but changed')
    expect(code).toBe(1)
  })
})
