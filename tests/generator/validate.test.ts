import { describe, expect, it } from 'vitest'
import { loadSpec } from '../../generator/load.js'
import { formatProblem } from '../../generator/problem.js'
import { mapDiagnostics, validateSpec } from '../../generator/validate.js'
import { BASE_SPEC, patched } from './base-spec.js'

/** Marks the place where a problem is expected; it is taken out before the spec is read. */
const MARK = '▶'

async function check(
  marked: string,
): Promise<{ at: [number, number]; problems: Awaited<ReturnType<typeof validateSpec>> }> {
  const above = (marked.split(MARK)[0] ?? '').split('\n')
  const problems = await validateSpec({ file: 'spec.yaml', text: marked.replace(MARK, '') })
  return { at: [above.length, (above.at(-1) ?? '').length + 1], problems }
}

describe('AsyncAPI validation', () => {
  it('accepts the base spec', async () => {
    expect((await check(BASE_SPEC)).problems).toEqual([])
  })

  it("accepts this repository's spec", async () => {
    expect(await validateSpec(await loadSpec('asyncapi.yaml'))).toEqual([])
  })

  it.each([
    [
      'a misspelt action',
      'routerBye: { action: send,',
      `routerBye: { ${MARK}action: sent,`,
      'asyncapi-document-resolved',
      '#/operations/routerBye/action',
      'Did you mean "send"?',
    ],
    [
      'an unknown field',
      'routerBye: {',
      `routerBye: { ${MARK}foo: 1,`,
      'asyncapi-document-resolved',
      '#/operations/routerBye/foo',
      'not expected',
    ],
    [
      'a reference to nothing',
      "chunk: { $ref: '#/components/schemas/Chunk' }",
      `chunk: { ${MARK}$ref: '#/components/schemas/Chunks' }`,
      'invalid-ref',
      '#/components/schemas/FlagSet/properties/chunk/$ref',
      'does not exist',
    ],
    [
      'a parameter that is not described',
      '      platform: { description: Name. }',
      `      platform: { description: Name. }\n      ${MARK}other: { description: Name. }`,
      'asyncapi3-channel-parameters',
      '#/channels/link/parameters/other',
      'redundant',
    ],
    [
      'a message of another channel',
      "messages: [{ $ref: '#/channels/link/messages/Bye' }]",
      `messages: [${MARK}{ $ref: '#/channels/bus/messages/Echo' }]`,
      'asyncapi3-operation-messages-from-referred-channel',
      '#/operations/routerBye/messages/0',
      'does not belong',
    ],
  ])('notices %s', async (_, find, replace, code, pointer, says) => {
    const { problems, at } = await check(patched(find, replace))
    expect(problems.map(problem => [problem.code, problem.pointer, problem.line, problem.col])).toEqual([
      [code, pointer, ...at],
    ])
    expect(problems[0]?.message).toContain(says)
    expect(problems[0]?.severity).toBe('error')
  })

  it('tells a wrong type once, at its own place', async () => {
    const { problems, at } = await check(patched('key: { type: string,', `key: { ${MARK}type: strin,`))
    expect(problems.map(problem => [problem.line, problem.col])).toEqual([at])
    expect(problems[0]?.message).toContain('Did you mean "string"?')
  })

  it('tells two mistakes in one schema separately', async () => {
    const text = patched(
      'size: { type: integer,',
      'size: { type: intege,',
      patched('key: { type: string,', 'key: { type: strin,'),
    )
    expect((await check(text)).problems.map(problem => problem.pointer)).toEqual([
      '#/components/schemas/Hello/properties/key/type',
      '#/components/schemas/Hello/properties/size/type',
    ])
  })

  it('tells only the syntax errors of a text that is no YAML', async () => {
    const { problems } = await check(patched('info: { title: demo,', 'info: { title: demo'))
    expect(problems.length).toBeGreaterThan(0)
    expect(new Set(problems.map(problem => problem.code))).toEqual(new Set(['yaml-syntax']))
    for (const problem of problems) expect(problem.col).toBeGreaterThan(0)
  })

  it.each([
    ['an empty file', ''],
    ['another document', 'openapi: 3.1.0\n'],
    ['a version to come', BASE_SPEC.replace('3.0.0', '3.9.0')],
  ])('refuses %s', async (_, text) => {
    const { problems } = await check(text)
    expect(problems.map(problem => problem.code)).toEqual(['asyncapi-is-asyncapi'])
    expect(problems[0]?.hint).toContain('asyncapi: 3.0.0')
  })

  it('formats a problem so that editors can jump to it', async () => {
    const { problems } = await check(patched('routerBye: {', 'routerBye: { foo: 1,'))
    expect(problems.map(formatProblem).join()).toMatch(/^spec\.yaml:\d+:\d+ asyncapi-document-resolved .*\(remove it/)
  })
})

describe('diagnostics', () => {
  const at = (path: (string | number)[], message: string, more = {}) => ({
    code: 'asyncapi-document-resolved',
    severity: 0,
    path,
    message,
    range: { start: { line: 3, character: 4 } },
    ...more,
  })

  it('drops what an ancestor only repeats', () => {
    const found = [
      at(['a'], '"payload" property must match "else" schema'),
      at(['a', 'b'], 'must match a schema in anyOf. None matched'),
      at(['a', 'b'], 'the real reason'),
    ]
    expect(mapDiagnostics(found, 'f').map(problem => problem.message)).toEqual(['the real reason'])
  })

  it('keeps a combinator when nothing else explains it', () => {
    const other = at(['b'], 'other', { code: 'invalid-ref' })
    expect(mapDiagnostics([at(['a'], 'must match "else" schema'), other], 'f')).toHaveLength(2)
  })

  it('tells the same thing once, and information not at all', () => {
    const found = [
      at(['a'], 'x'),
      at(['a'], 'x'),
      at([], 'newer version', { severity: 2 }),
      at(['w'], 'careful', { severity: 1 }),
    ]
    expect(mapDiagnostics(found, 'f').map(problem => [problem.message, problem.severity])).toEqual([
      ['x', 'error'],
      ['careful', 'warning'],
    ])
  })

  it('escapes pointers, and survives a range before the first column', () => {
    const [problem] = mapDiagnostics([at(['a/b', 0, '~'], 'x', { range: { start: { line: 0, character: -1 } } })], 'f')
    expect(problem).toMatchObject({ pointer: '#/a~1b/0/~0', line: 1, col: 1 })
  })
})
