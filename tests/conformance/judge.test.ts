import { describe, expect, it } from 'vitest'
import { judge } from '../../src/conformance/judge.js'
import { readSuite } from '../../src/conformance/load.js'
import type { ConformanceCase, Expectation, Suite } from '../../src/conformance/suite.js'
import { inProcess, type Operation } from '../../src/conformance/testee.js'
import { WgrokError } from '../../src/errors.js'

async function verdict(
  operation: Operation,
  expectation: Expectation,
  more: Partial<ConformanceCase> = {},
): Promise<string> {
  const impl = { name: 'toy', language: 'none', version: '0' }
  const ops = { 'toy.run': operation, 'codec.receive': () => 'payload' }
  const testee = inProcess({ impl, specs: ['1.0'], features: ['toys', 'crypto'] }, ops)
  const item: ConformanceCase = {
    id: 'a',
    about: 'about it',
    level: 'must',
    since: '1.0',
    input: {},
    expect: expectation,
    ...more,
  }
  const suite: Suite = { format: 1, suite: 'toy', title: 'toy', op: 'toy.run', cases: [item] }
  const judgement = await judge(suite, item, testee, await testee.hello())
  return judgement.reason === undefined ? judgement.verdict : `${judgement.verdict}: ${judgement.reason}`
}

const refuse = (): never => {
  throw new WgrokError('timeout', 'x')
}

describe('judge', () => {
  it.each<[string, Operation, Expectation, string]>([
    ['equal values', () => ({ a: 1, b: [2] }), { ok: { b: [2], a: 1 } }, 'pass'],
    ['another value', () => 1, { ok: 2 }, 'fail: expected 2, got 1'],
    ['a property too many', () => ({ a: 1, b: 2 }), { ok: { a: 1 } }, 'fail: expected {"a":1}, got {"a":1,"b":2}'],
    [
      'which a subset allows',
      () => ({ a: 1, b: [{ c: 1, d: 2 }] }),
      { ok: { b: [{ c: 1 }] }, match: 'subset' },
      'pass',
    ],
    ['but not an item too many', () => [1, 2], { ok: [1], match: 'subset' }, 'fail: expected [1], got [1,2]'],
    ['another order', () => [1, 2, 2], { ok: [2, 1, 2], match: 'unordered' }, 'pass'],
    [
      'not another count',
      () => [1, 1, 2],
      { ok: [2, 1, 2], match: 'unordered' },
      'fail: expected [2,1,2], got [1,1,2]',
    ],
    ['the error', refuse, { error: 'timeout' }, 'pass'],
    ['an error that will do', refuse, { error: 'aborted', orErrors: ['timeout'] }, 'pass'],
    ['another error', refuse, { error: 'aborted' }, 'fail: expected error aborted, got timeout'],
    ['an answer in place of an error', () => 1, { error: 'aborted' }, 'fail: expected error aborted, got an answer'],
    ['an error in place of an answer', refuse, { ok: 1 }, 'fail: expected an answer, got error timeout'],
    ['nothing', () => undefined, { ok: null }, 'pass'],
    ['what does not survive JSON', () => Number.NaN, { ok: null }, 'pass'],
  ])('%s', async (_name, operation, expectation, expected) => {
    expect(await verdict(operation, expectation)).toBe(expected)
  })

  it('calls a crash a fault', async () => {
    const crash = (): never => {
      throw new TypeError('boom')
    }
    expect(await verdict(crash, { error: 'internal' })).toBe('fault: boom')
  })

  it('does not apply without the feature, and fails with the feature but without the operation', async () => {
    expect(await verdict(refuse, { ok: 1 }, { requires: ['trains'] })).toBe('n/a: not declared: trains')
    expect(await verdict(refuse, { ok: 1 }, { op: 'toy.other' })).toBe('n/a: no operation toy.other')
    expect(await verdict(refuse, { ok: 1 }, { requires: ['crypto'], op: 'codec.open' })).toBe(
      'fail: declared crypto, but has no codec.open',
    )
  })

  it('measures frames itself before it has them decoded', async () => {
    const encode = { op: 'codec.encode', input: { limit: { size: 3, unit: 'utf8-bytes' } } }
    const impl = { name: 'toy', language: 'none', version: '0' }
    const run = async (frames: string[], back: string): Promise<string> => {
      const testee = inProcess(
        { impl, specs: [], features: [] },
        { 'codec.encode': () => ({ frames }), 'codec.receive': () => back },
      )
      const item: ConformanceCase = {
        id: 'a',
        about: 'about it',
        level: 'must',
        since: '1.0',
        expect: { ok: 'x', match: 'roundtrip' },
        ...encode,
      }
      const suite: Suite = { format: 1, suite: 'toy', title: 'toy', op: 'codec.encode', cases: [item] }
      const { verdict: word, reason = '' } = await judge(suite, item, testee, await testee.hello())
      return `${word} ${reason}`.trim()
    }
    expect(await run(['abc', '€'], 'x')).toBe('pass')
    expect(await run(['abc', '€€'], 'x')).toBe('fail 1 of 2 frames exceed the limit')
    expect(await run(['abc'], 'y')).toBe('fail codec.receive gives back something else')
  })
})

describe('readSuite', () => {
  it.each([
    ['{', 'is not JSON'],
    ['{}', 'no conformance suite'],
    ['{"format":2,"suite":"a","op":"a.b","cases":[]}', 'no conformance suite'],
    ['{"format":1,"suite":"a","op":"a.b","cases":[{"id":"x"},{"id":"x"}]}', 'uses the id x twice'],
  ])('refuses %s', (text, message) => {
    expect(() => readSuite(text, 'f.json')).toThrow(message)
  })
})
