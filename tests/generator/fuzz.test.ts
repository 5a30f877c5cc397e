import { Project, ts } from 'ts-morph'
import { beforeAll, describe, expect, it } from 'vitest'
import { AjvOracle } from './ajv-oracle.js'
import { irOf, renderText } from './render-text.js'

/** Pieces that end a string, a comment, a template, a regex or a line, and names that objects already have. */
const PIECES = [
  "'",
  '"',
  '`',
  '\\',
  '*/',
  '/*',
  '//',
  ['$', '{x}'].join(''),
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ',',
  ';',
  '\n',
  '\r',
  '\u2028',
  '\u0000',
  '<!--',
  '</script>',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'class',
  'default',
  'await',
  'validate1',
  'schema1',
  'pattern0',
  'data',
  'data0',
  'errors',
  'instancePath',
  'parentData',
  'rootData',
  'hasOwn',
  ' ',
  '',
  '.',
  '-',
  '#',
  '%',
  '~',
  '~1',
  '$',
  '$&',
  '$1',
  '@',
  'é',
  '💬',
]

/** Deterministic: a failing seed is the same everywhere. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

type Schema = Readonly<Record<string, unknown>>

function hostileSpec(seed: number, things: number): Record<string, unknown> {
  const next = random(seed)
  const pick = () => PIECES[Math.floor(next() * PIECES.length)] ?? ''
  const text = () => Array.from({ length: 1 + Math.floor(next() * 4) }, pick).join('')
  const schema = (): Schema => {
    switch (Math.floor(next() * 5)) {
      case 0:
        return { type: 'string', const: text(), description: text() }
      case 1:
        return { type: 'string', enum: [...new Set([text(), text(), 'plain'])], description: text() }
      case 2:
        return { type: 'string', pattern: escapeRegex(text()), default: text() }
      case 3:
        return { type: 'object', additionalProperties: { type: 'string', maxLength: 3 }, description: text() }
      default:
        return { type: 'array', items: { type: 'integer', minimum: 0 }, description: text(), deprecated: true }
    }
  }
  const thing = (): Schema => {
    const names = [...new Set(Array.from({ length: 10 }, text))]
    const properties = Object.fromEntries(names.map(name => [name, schema()]))
    return { type: 'object', description: text(), required: names.slice(0, 3), properties }
  }
  const schemas = Object.fromEntries(Array.from({ length: things }, (_, index) => [`Thing${index}`, thing()]))
  const words = { type: 'string', enum: [...new Set([text(), text(), text()])], description: text() }
  const message = { $ref: '#/components/messages/Thing' }
  return {
    asyncapi: '3.0.0',
    info: { title: text(), version: '1.0.0', description: text() },
    'x-wgrok-perspective': 'server',
    'x-wgrok-limits': { limit: { value: 1, unit: text(), doc: text() } },
    'x-wgrok-errors': { code: { status: 400, retryable: false, meaning: text() } },
    channels: { thing: { address: '/x', title: text(), description: text(), messages: { Thing: message } } },
    operations: {
      peerThing: {
        action: 'receive',
        summary: text(),
        channel: { $ref: '#/channels/thing' },
        messages: [{ $ref: '#/channels/thing/messages/Thing' }],
      },
    },
    components: {
      messages: { Thing: { summary: text(), payload: { $ref: '#/components/schemas/Thing0' } } },
      schemas: { Words: words, ...schemas },
    },
  }
}

function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replace(/[\n\r\u2028]/g, '.')
}

const THINGS = 20

describe.each([1, 2])('hostile names and texts, seed %i', seed => {
  let text: string
  let files: Map<string, string>

  beforeAll(async () => {
    text = JSON.stringify(hostileSpec(seed, THINGS))
    files = await renderText(text)
  })

  it('give code that compiles', () => {
    const project = new Project({
      useInMemoryFileSystem: true,
      compilerOptions: {
        strict: true,
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
        types: [],
      },
    })
    for (const [path, code] of files) if (path.endsWith('.ts')) project.createSourceFile(`/${path}`, code)
    const found = project.getPreEmitDiagnostics().map(one => one.compilerObject.messageText)
    expect(found).toEqual([])
  })

  it('give validators that say the same as Ajv', async () => {
    const spec = await irOf(text)
    const code = Buffer.from(files.get('validators.js') ?? '').toString('base64')
    const validators = (await import(`data:text/javascript;base64,${code}`)) as Record<
      string,
      (data: unknown) => boolean
    >
    const oracle = new AjvOracle(spec)
    let accepted = 0
    for (const model of spec.models) {
      if (model.kind !== 'object') continue
      const [ours, theirs] = [validators[`validate${model.name}`], oracle.validator(model.name)]
      const good = Object.fromEntries(model.fields.map(field => [field.name, goodValue(field.schema)]))
      for (const name of ['', ...Object.keys(good)]) {
        for (const value of [undefined, null, 1, 'plain', {}, { a: 'long' }, [-1], good[name]]) {
          const data: unknown = JSON.parse(JSON.stringify({ ...good, [name]: value }))
          const verdict = theirs(data)
          expect(ours?.(data)).toBe(verdict)
          if (verdict) accepted++
        }
      }
    }
    expect(accepted).toBeGreaterThan(THINGS)
  })
})

function goodValue(schema: Schema): unknown {
  const { const: only, enum: values, default: fallback, type } = schema
  if (only !== undefined) return only
  if (Array.isArray(values)) return values[0]
  return fallback ?? (type === 'object' ? { a: 'b' } : [1])
}
