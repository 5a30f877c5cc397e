import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileAllowlist } from '../../src/access/allowlist.js'

it('names the position of a bad pattern and not the pattern', () => {
  expect(() => compileAllowlist(['a.example', ' ', 'b[.example'])).toThrow(
    '[pattern-invalid] allowlist pattern 3 holds one of [ ] ?',
  )
})

it('is compiled once: later changes of the list do not count', () => {
  const patterns = ['a.example']
  const allowlist = compileAllowlist(patterns)
  patterns.push('b.example')
  expect(allowlist.allows({ principals: ['x@b.example'] })).toBe(false)
})

it('says the same of everybody however often it is asked', () => {
  const allowlist = compileAllowlist(['Exact@A.example', '*@b.example', 'é@c.example', 'n!u@b.example'])
  const name = fc.tuple(
    fc.constantFrom('exact', 'EXACT', 'someone', 'É', 'n!u', 'N!U', 'x!y', '\u212a', ''),
    fc.constantFrom('@', '@@', '@x@', ''),
    fc.constantFrom('a.example', 'b.example', 'B.Example', 'c.example', 'x.b.example', ''),
  )
  const listed = new Set(['exact@a.example', 'é@c.example', 'n!u@b.example'])
  fc.assert(
    fc.property(name, ([user, at, domain]) => {
      const principal = `${user}${at}${domain}`
      const lower = principal.toLowerCase()
      const byDomain = /^.+@b\.example$/u.test(lower) && !lower.includes('!')
      expect(allowlist.allows({ principals: [principal] })).toBe(listed.has(lower) || byDomain)
    }),
    { numRuns: 5_000 },
  )
})

it('looks up in ten thousand patterns about as fast as in ten', () => {
  const lists = [10, 10_000].map(count =>
    compileAllowlist(Array.from({ length: count }, (_, i) => (i % 2 ? `d${i}.example` : `u${i}@x.example`))),
  )
  const identity = { principals: ['U1@T1.slack', 'someone@unlisted.example'] }
  const best = lists.map(allowlist => {
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < 9; round++) {
      const start = performance.now()
      for (let i = 0; i < 20_000; i++) allowlist.allows(identity)
      least = Math.min(least, performance.now() - start)
    }
    return least
  })
  expect(best[1]).toBeLessThan(10 * (best[0] ?? 0))
})
