import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { FrameLimit } from '../../generated/limits.js'
import { fits, measure, meterFor } from '../../src/frame/measure.js'

const unit = fc.constantFrom('utf8-bytes' as const, 'utf16-units' as const, 'code-points' as const)
const costs = fc.constantFrom(undefined, { '&': 5, '<': 4 }, { é: 9, '𝄞': 3 })
const text = fc.array(fc.constantFrom('a', '&', '<', 'é', '€', '𝄞', '\ud800', '\udc00'), { maxLength: 40 })

function limitOf(size: number, name: FrameLimit['unit'], given: FrameLimit['costs']): FrameLimit {
  return { size, unit: name, ...(given === undefined ? {} : { costs: given }) }
}

function slow(chars: string, limit: FrameLimit): number {
  let size = 0
  for (const char of chars) {
    const natural = { 'utf8-bytes': Buffer.byteLength(char), 'utf16-units': char.length, 'code-points': 1 }
    size += limit.costs?.[char] ?? natural[limit.unit]
  }
  return size
}

describe('measure', () => {
  it('counts as the slow way does, in every unit, with and without costs', () => {
    fc.assert(
      fc.property(text, unit, costs, (chars, name, given) => {
        const limit = limitOf(10, name, given)
        const joined = chars.join('')
        expect(measure(joined, limit)).toBe(slow(joined, limit))
        expect(fits(joined, limit)).toBe(slow(joined, limit) <= 10)
      }),
      { numRuns: 2000 },
    )
  })

  it('reaches as far as the room allows and not into a pair', () => {
    fc.assert(
      fc.property(text, unit, costs, fc.nat(20), fc.nat(10), (chars, name, given, room, from) => {
        const limit = limitOf(room, name, given)
        const joined = chars.join('')
        const start = chars.slice(0, from).join('').length
        const end = meterFor(limit).reach(joined, start, room)
        expect(slow(joined.slice(start, end), limit)).toBeLessThanOrEqual(room)
        const next = joined.codePointAt(end)
        if (next === undefined) return
        const more = joined.slice(start, end) + String.fromCodePoint(next)
        expect(slow(more, limit)).toBeGreaterThan(room)
      }),
      { numRuns: 2000 },
    )
  })

  it('calls a text flat only if it can be cut anywhere', () => {
    const slack = limitOf(10, 'utf16-units', { '&': 5 })
    expect(meterFor(slack).flat('abc')).toBe(true)
    expect(meterFor(slack).flat('a&c')).toBe(false)
    expect(meterFor(slack).flat('é')).toBe(false)
  })
})
