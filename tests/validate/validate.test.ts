import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  explain,
  MESSAGES,
  validateBridgeEnvelope,
  validateFrame,
  validateProblem,
  validateSenderConfig,
} from '../../src/validate.js'

describe('explain', () => {
  it('points at the field that is missing', () => {
    const data = { type: 'event', session_key: 's' }
    expect(validateBridgeEnvelope(data)).toBe(false)
    expect(explain(validateBridgeEnvelope.errors, data)).toEqual([
      { pointer: '/event', expected: 'a value', got: 'nothing', keyword: 'required' },
    ])
  })

  it.each([
    [validateFrame, 'text', '', 'an object', 'string'],
    [validateFrame, null, '', 'an object', 'null'],
    [validateFrame, { to: 7, from: 'a', flags: '-', payload: '' }, '/to', 'a string', 'number'],
    [validateFrame, { to: '', from: 'a', flags: '-', payload: '' }, '/to', 'text that is not empty', 'string'],
    [validateProblem, { type: '', title: '', status: 200, code: '' }, '/status', 'at least 400', 'number'],
    [validateProblem, { type: '', title: '', status: 400.5, code: '' }, '/status', 'a whole number', 'number'],
    [validateBridgeEnvelope, { type: 'hello' }, '/type', 'a type that the protocol names', 'string'],
    [validateBridgeEnvelope, {}, '/type', 'a value', 'nothing'],
    [validateBridgeEnvelope, { type: 7 }, '/type', 'a string', 'number'],
    [
      validateSenderConfig,
      { token: 'x', slug: 'a', platform: 'teams' },
      '/platform',
      'one of webex, slack, discord, irc, bridge',
      'string',
    ],
    [
      validateSenderConfig,
      { token: 'x', slug: 's'.repeat(65), platform: 'irc' },
      '/slug',
      'at most 64 characters',
      'string',
    ],
    [
      validateSenderConfig,
      { token: 'x', slug: 'a', platform: 'irc', domains: ['a', []] },
      '/domains/1',
      'a string',
      'array',
    ],
  ])('tells place, expectation and type: %#', (validate, data, pointer, expected, got) => {
    expect(validate(data)).toBe(false)
    expect(explain(validate.errors, data)).toEqual([expect.objectContaining({ pointer, expected, got })])
  })

  it('never holds a value', () => {
    for (const data of [
      { type: 's3cr3t' },
      { type: 'register', platform: 'S3CR3T s3cr3t' },
      { type: 'register', platform: 'a', token: ['s3cr3t'] },
    ]) {
      expect(validateBridgeEnvelope(data)).toBe(false)
      expect(JSON.stringify(explain(validateBridgeEnvelope.errors, data))).not.toMatch(/s3cr3t/i)
    }
  })

  it('escapes pointers, and has nothing to say about nothing', () => {
    const error = { schemaPath: '', keyword: 'required', params: { missingProperty: 'a/b~c' }, instancePath: '/x' }
    expect(explain([error])).toMatchObject([{ pointer: '/x/a~1b~0c' }])
    expect(explain(null)).toEqual([])
    expect(explain(undefined)).toEqual([])
  })

  it('says something about a keyword that it does not know', () => {
    const error = { schemaPath: '', keyword: 'new', params: {}, instancePath: '', message: 'must be new' }
    expect(explain([error, { ...error, keyword: 'toString' }])).toMatchObject([
      { expected: 'must be new' },
      { expected: 'must be new' },
    ])
  })
})

describe('wgrok/validate', () => {
  it('validates every example of the spec', () => {
    const fixtures = JSON.parse(readFileSync(new URL('../../generated/fixtures.json', import.meta.url), 'utf8'))
    for (const [name, message] of Object.entries(MESSAGES)) {
      for (const { payload } of fixtures[name] ?? []) {
        expect(message.validate(payload), `${name}: ${JSON.stringify(explain(message.validate.errors))}`).toBe(true)
      }
    }
  })

  it('runs in a browser: neither it nor what it imports uses Node, packages or eval', () => {
    const seen = new Set<string>()
    const visit = (path: URL): void => {
      if (seen.has(path.pathname)) return
      seen.add(path.pathname)
      const source = readFileSync(path, 'utf8')
      expect(source).not.toMatch(/\brequire\(|\beval\(|new Function|\bprocess\.|\bBuffer\b/)
      for (const [, target] of source.matchAll(/from '([^']+)'/g)) {
        expect(target).toMatch(/^\./)
        const file = new URL(target ?? '', path)
        visit(target?.includes('validators') ? file : new URL(file.href.replace(/\.js$/, '.ts')))
      }
    }
    visit(new URL('../../src/validate.ts', import.meta.url))
    expect(seen.size).toBeGreaterThan(2)
  })
})
