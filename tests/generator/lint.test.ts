import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { readExtensionSchemas } from '../../generator/lint/extensions.js'
import { LINT_RULES, lintSpec } from '../../generator/lint/index.js'
import { loadSpec, parseSpec } from '../../generator/load.js'
import { BASE_SPEC, patched } from './base-spec.js'
import { readLintCases } from './lint-cases.js'

const CASES = readLintCases()

async function lint(text: string) {
  return lintSpec(await parseSpec(text, 'spec.yaml'))
}

describe('lint', () => {
  it('accepts the base spec', async () => {
    expect(await lint(BASE_SPEC)).toEqual([])
  })

  it("accepts this repository's spec", async () => {
    expect(lintSpec(await loadSpec('asyncapi.yaml'))).toEqual([])
  })

  it.each(CASES)('$rule notices $breaks', async ({ text, rule, line, col, says }) => {
    const problems = await lint(text)
    expect(problems.map(problem => [problem.code, problem.line, problem.col])).toEqual([[rule, line, col]])
    expect(problems[0]?.message).toContain(says)
    expect(problems[0]?.hint).toMatch(/\S/)
    expect(problems[0]?.file).toBe('spec.yaml')
  })

  it('numbers its rules without gaps, and every rule has a case', () => {
    const ids = LINT_RULES.map(rule => rule.id)
    expect(ids).toEqual(ids.map((_, index) => `WG${String(index + 1).padStart(3, '0')}`))
    expect([...new Set(CASES.map(({ rule }) => rule))].sort()).toEqual(ids)
    expect(new Set(LINT_RULES.map(rule => rule.name)).size).toBe(ids.length)
  })

  it('describes every extension in a schema that is one itself', () => {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false })
    ajv.addVocabulary(['x-applies-to'])
    const extensions = readExtensionSchemas()
    expect(extensions.length).toBeGreaterThan(9)
    for (const { name, places, schema } of extensions) {
      expect(() => ajv.compile(schema), name).not.toThrow()
      expect(schema['$id']).toBe(`https://wgrok.dev/x-schemas/${name}.schema.json`)
      expect(places.length).toBeGreaterThan(0)
      for (const place of places) expect(['root', 'message', 'component', 'property']).toContain(place)
    }
  })

  it('tells every problem at once, in file order', async () => {
    const text = patched('status: 404', 'status: 200', patched('default: 80', "default: '80'"))
    expect((await lint(text)).map(problem => problem.code)).toEqual(['WG014', 'WG005'])
  })

  it('allows an empty default of a secret', async () => {
    const text = patched('token: { type: string,', "token: { type: string, default: '',")
    expect(await lint(text)).toEqual([])
  })

  it('does not take a property for a keyword, whatever its name', async () => {
    const names = ['$ref', 'default', 'enum', 'properties', 'x-wgrok-env', 'constructor', '__proto__']
    const properties = names.map(name => `'${name}': { type: string }`).join(', ')
    const text = patched('properties: { index:', `properties: { ${properties}, index:`)
    expect(await lint(text)).toEqual([])
  })

  it('does not read example data as spec', async () => {
    const data = "payload: { type: bye, reason: done, x-wgrok-secret: 1, $ref: './nowhere.yaml' }"
    expect(await lint(patched('payload: { type: bye, reason: done }', data))).toEqual([])
  })

  it('survives any spec of the wrong shape', async () => {
    const wrong = ['null', '7', 'text', '[]', '[null]', '{}', '{ a: null }', '{ a: [1] }']
    const keys = [
      'info',
      'channels',
      'operations',
      'components',
      'x-wgrok-limits',
      'x-wgrok-platforms',
      'x-wgrok-exports',
    ]
    const nested = ['schemas', 'messages'].flatMap(key => wrong.map(value => `components: { ${key}: ${value} }`))
    const schemas = [
      'properties',
      'required',
      'items',
      'oneOf',
      'enum',
      'pattern',
      'type',
      '$ref',
      'discriminator',
    ].flatMap(key =>
      wrong.map(value => `components: { schemas: { A: { ${key}: ${value}, x-wgrok-config: ${value} } } }`),
    )
    const messages = ['payload', 'examples', 'correlationId', 'x-wgrok-frame', 'contentType'].flatMap(key =>
      wrong.map(value => `components: { messages: { A: { ${key}: ${value} } } }`),
    )
    const texts = [...keys.flatMap(key => wrong.map(value => `${key}: ${value}`)), ...nested, ...schemas, ...messages]
    for (const text of texts) {
      const problems = await lint(text).catch(cause => `${text}: ${(cause as Error).message}`)
      expect(problems).toBeInstanceOf(Array)
    }
  })
})
