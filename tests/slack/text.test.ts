import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FRAGILE, FRAME_LIMITS } from '../../generated/limits.js'
import { measure } from '../../src/frame/measure.js'
import { splitText, storedText } from '../../src/testing/slack/text.js'
import { escapeText, unescapeText } from '../../src/transport/slack/text.js'

describe('text on its way to Slack and back', () => {
  it('escapes three characters and no others', () => {
    expect(escapeText('a & b < c > "d" \'e\' &amp;')).toBe('a &amp; b &lt; c &gt; "d" \'e\' &amp;amp;')
  })

  it.each([
    ['<https://example.com/a?b=1&amp;c=2>', 'https://example.com/a?b=1&c=2'],
    ['<http://example.com|example.com>', 'example.com'],
    ['<mailto:ann@example.com|ann@example.com>', 'ann@example.com'],
    ['<mailto:ann@example.com>', 'ann@example.com'],
    ['<#C0123|general> and <#C0123>', '#general and #C0123'],
    ['<#C0123|>', '#C0123'],
    ['<@U0123> ./pause', '<@U0123> ./pause'],
    ['<@U0123|ann> ./pause', '<@U0123|ann> ./pause'],
    ['<!here> <!subteam^S1|@ops> <!date^1^{date}|today>', '@here @ops today'],
    ['&lt;@U0123&gt; &amp;lt; &amp;amp;', '<@U0123> &lt; &amp;'],
    ['&lt;https://a|b&gt;', '<https://a|b>'],
    ['a < b <> <b> 1 > 0', 'a < b <> <b> 1 > 0'],
    ['&quot; &#39; &', '&quot; &#39; &'],
  ])('reads %s', (stored, typed) => {
    expect(unescapeText(stored)).toBe(typed)
  })

  it('brings any posted text back as it was, unless the spec calls it fragile', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.lorem())
    fc.assert(
      fc.property(text, payload => {
        const frame = `./echo:a:b:-:${payload}`
        fc.pre(FRAGILE.slack?.test(payload) !== true)
        expect(unescapeText(storedText(escapeText(frame), 'posted'))).toBe(frame)
      }),
      { numRuns: 2_000 },
    )
  })

  it('brings every escaped character back, fragile or not', () => {
    const piece = fc.constantFrom('&', '<', '>', '&amp;', '<@U1>', '<!here>', '|', 'x', ' ', '&lt;')
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1 }), pieces => {
        const frame = `.${pieces.join('')}.`
        expect(unescapeText(storedText(escapeText(frame), 'posted'))).toBe(frame)
      }),
      { numRuns: 2_000 },
    )
  })

  it('brings back what a person types', () => {
    for (const typed of [
      './echo:a:b:-:see https://example.com/?a=1&b=2 or mail ann@example.com',
      './echo:a:b:-:{"x":"<b>","y":"a&b"} example.com',
    ]) {
      expect(unescapeText(storedText(typed, 'typed'))).toBe(typed)
    }
  })

  it('measures a text as long as it is when it is escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(measure(text, FRAME_LIMITS.slack)).toBe(escapeText(text).length)
      }),
    )
  })

  it('splits an entity never', () => {
    expect(splitText(`${'x'.repeat(8)}&amp;y`, 10)).toEqual(['xxxxxxxx', '&amp;y'])
    expect(splitText('', 10)).toEqual([''])
  })
})
