import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { PLATFORMS, type Platform } from '../../generated/models.js'
import { rulesFor } from '../../src/bus/via.js'
import { encode } from '../../src/codec/encode.js'
import { fits } from '../../src/frame/measure.js'

describe('the rules for frames that are relayed', () => {
  it('are those of the platform itself when nothing else is on the way', () => {
    const { limit } = rulesFor('webex', FRAME_LIMITS.webex, ['webex'])
    expect(limit).toBe(FRAME_LIMITS.webex)
  })

  it('make frames that fit every platform on the way, whatever the payload', async () => {
    const platform = fc.constantFrom<Platform>(...PLATFORMS)
    const unit = fc.constantFrom('a', '&', '<', 'é', '漢', '😀', '👩‍👩‍👧', '\n', ' ')
    await fc.assert(
      fc.asyncProperty(
        platform,
        fc.array(platform, { maxLength: 3 }),
        fc.array(unit, { minLength: 1, maxLength: 3_000 }),
        async (own, via, chars) => {
          const rules = rulesFor(own, FRAME_LIMITS[own], via)
          const options = { to: 'a', from: 'b', maxChunks: 10_000, ...rules }
          const { flags, frames } = await encode(chars.join(''), options)
          for (const place of [own, ...via]) {
            expect(frames.filter(frame => !fits(frame, FRAME_LIMITS[place]))).toEqual([])
          }
          if (chars.includes('\n') && [own, ...via].includes('irc')) expect(flags.compressed).toBe(true)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('follow a limit that the platform itself has changed', () => {
    const { limit } = rulesFor('irc', { size: 200, unit: 'utf8-bytes' }, ['discord', 'slack'])
    expect(limit).toEqual({ size: 200, unit: 'utf8-bytes', costs: { '&': 5, '<': 4, '>': 4 } })
  })
})
