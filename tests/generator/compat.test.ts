import { describe, expect, it } from 'vitest'
import { type Comparison, compareSpecs } from '../../generator/compat.js'
import { buildIr, type Spec } from '../../generator/ir.js'
import { loadSpec, parseSpec } from '../../generator/load.js'
import { BASE_SPEC, patched } from './base-spec.js'
import { applyEdits, readBlocks, signed } from './cases.js'

const CASES = readBlocks('compat-cases.txt').map(block => ({
  what: block.head,
  text: applyEdits(block),
  forth: signed(block, '>'),
  back: signed(block, '<'),
  direction: signed(block, '@'),
  says: signed(block, '!'),
}))

const SERVERS = `servers:
  main:
    host: example.com
    protocol: wss
    security: [{ $ref: '#/components/securitySchemes/one' }, { $ref: '#/components/securitySchemes/two' }]
channels:
  bus:`
const SCHEMES = `components:
  securitySchemes:
    one: { type: http, scheme: bearer, description: First. }
    two: { type: httpApiKey, name: token, in: query }
`
const SECURE_SPEC = patched('channels:\n  bus:', SERVERS, patched('components:\n', SCHEMES))

async function specOf(text: string): Promise<Spec> {
  return buildIr(await parseSpec(text, 'spec.yaml'))
}

async function compare(before: string, after: string): Promise<Comparison> {
  return compareSpecs(await specOf(before), await specOf(after))
}

describe('wire compatibility', () => {
  it.each(CASES)('judges $what', async ({ text, forth, back, direction, says }) => {
    const result = await compare(BASE_SPEC, text)
    expect(result.verdict).toBe(forth)
    expect(result.changes[0]?.level).toBe(forth)
    expect(result.changes[0]?.direction ?? '').toBe(direction)
    expect(result.changes.map(({ reason }) => reason).join('\n')).toContain(says)
    expect((await compare(text, BASE_SPEC)).verdict).toBe(back)
  })

  it('finds no change in the same spec, nor in its formatting', async () => {
    const nothing = { verdict: 'none', bump: 'none', sufficient: true, changes: [] }
    expect(await compare(BASE_SPEC, BASE_SPEC)).toEqual(nothing)
    expect(await compare(BASE_SPEC, `# A comment.\n${BASE_SPEC.replaceAll(', ', ',  ')}`)).toEqual(nothing)
  })

  it.each([
    ['receive', 'raised', 'minor'],
    ['receive', 'lowered', 'major'],
    ['send', 'raised', 'major'],
    ['send', 'lowered', 'minor'],
    ['both', 'raised', 'major'],
    ['both', 'lowered', 'major'],
    [undefined, 'raised', 'minor'],
    [undefined, 'lowered', 'minor'],
  ])('judges a limit about %s that is %s', async (wire, step, level) => {
    const base = patched(', wire: receive', wire === undefined ? '' : `, wire: ${wire}`)
    const { verdict } = await compare(base, patched('value: 1024', `value: ${step === 'raised' ? 2048 : 512}`, base))
    expect(verdict).toBe(level)
  })

  it.each([
    ['a method less', ", { $ref: '#/components/securitySchemes/two' }]", ']', 'major', 'minor'],
    [
      'no authentication',
      "    security: [{ $ref: '#/components/securitySchemes/one' }, { $ref: '#/components/securitySchemes/two' }]\n",
      '',
      'minor',
      'major',
    ],
    ['another scheme', 'scheme: bearer', 'scheme: basic', 'major', 'major'],
    ['another text about a scheme', 'description: First.', 'description: The first.', 'patch', 'patch'],
    ['another host', 'host: example.com', 'host: example.org', 'major', 'major'],
    ['another protocol', 'protocol: wss', 'protocol: ws', 'major', 'major'],
  ])('judges security: %s', async (_, find, replace, forth, back) => {
    const changed = patched(find, replace, SECURE_SPEC)
    expect((await compare(SECURE_SPEC, changed)).verdict).toBe(forth)
    expect((await compare(changed, SECURE_SPEC)).verdict).toBe(back)
  })

  it.each([
    ['receive', 'Bye', 'major', 'minor'],
    ['send', 'Hello', 'minor', 'major'],
  ])('judges another answer to a %s', async (action, name, forth, back) => {
    const operation = action === 'receive' ? '  peerHello: { action: receive,' : '  routerBye: { action: send,'
    const other = name === 'Bye' ? 'Hello' : 'Bye'
    const reply = (...names: string[]) =>
      operation.replace(
        '{',
        `{ reply: { messages: [${names.map(one => `{ $ref: '#/channels/link/messages/${one}' }`).join(', ')}] },`,
      )
    const before = patched(operation, reply(other))
    const after = patched(operation, reply(other, name))
    expect((await compare(before, after)).changes[0]).toMatchObject({
      level: forth,
      reason: `\`${name}\` is a new answer`,
    })
    expect((await compare(after, before)).changes[0]).toMatchObject({
      level: back,
      reason: `\`${name}\` is no answer any more`,
    })
  })

  it.each([
    ['receive', 'major', 'major'],
    ['send', 'minor', 'major'],
  ])('judges a required query parameter of a request that it %ss', async (action, forth, back) => {
    const operation = action === 'receive' ? '  peerHello: { action: receive,' : '  routerBye: { action: send,'
    const http = (query: string) => operation.replace('{', `{ bindings: { http: { method: GET${query} } },`)
    const before = patched(operation, http(''))
    const after = patched(
      operation,
      http(', query: { type: object, required: [q], properties: { q: { type: string } } }'),
    )
    expect((await compare(before, after)).verdict).toBe(forth)
    expect((await compare(after, before)).verdict).toBe(back)
  })

  it('lists the worst first', async () => {
    const text = patched(
      'doc: Largest body.',
      'doc: Other.',
      patched('maxLength: 8', 'maxLength: 7', patched('status: 404, retryable: false', 'status: 404, retryable: true')),
    )
    expect((await compare(BASE_SPEC, text)).changes.map(({ level }) => level)).toEqual(['major', 'minor', 'patch'])
  })

  it("compares this repository's spec with itself", async () => {
    const spec = buildIr(await loadSpec('asyncapi.yaml'))
    expect(compareSpecs(spec, spec).verdict).toBe('none')
  })
})

describe('version step', () => {
  const edits = {
    none: (text: string) => text,
    patch: (text: string) => patched('doc: Largest body.', 'doc: Other.', text),
    minor: (text: string) => patched('retryable: false', 'retryable: true', text),
    major: (text: string) => patched('status: 404', 'status: 410', text),
  }

  it.each([
    ['1.2.3', '1.2.3', 'none', 'none', true],
    ['1.2.3', '1.2.3', 'patch', 'none', false],
    ['1.2.3', '1.2.4', 'patch', 'patch', true],
    ['1.2.3', '1.2.4', 'minor', 'patch', false],
    ['1.2.3', '1.3.0', 'minor', 'minor', true],
    ['1.2.3', '1.3.0', 'major', 'minor', false],
    ['1.2.3', '2.0.0', 'major', 'major', true],
    ['0.2.3', '0.2.4', 'minor', 'patch', true],
    ['0.2.3', '0.2.4', 'major', 'patch', false],
    ['0.2.3', '0.3.0', 'major', 'minor', true],
    ['0.2.3', '1.0.0', 'major', 'major', true],
    ['1.2.3', '1.2.2', 'none', 'none', false],
    ['1.2.3', '1.1.9', 'patch', 'none', false],
    ['1.2.3', '1.10.0', 'minor', 'minor', true],
    ['1.0.0-rc.1', '1.0.0', 'patch', 'patch', true],
    ['one', 'two', 'patch', 'none', false],
  ] as const)('from %s to %s is for a %s change: %s, enough: %s', async (old, now, change, bump, sufficient) => {
    const version = (text: string, to: string) => patched('version: 1.2.3', `version: ${to}`, text)
    const result = await compare(version(BASE_SPEC, old), version(edits[change](BASE_SPEC), now))
    expect(result).toMatchObject({ verdict: change, bump, sufficient })
  })
})
