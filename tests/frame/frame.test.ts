import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEcho, formatResponse } from '../../generated/frames.js'
import { WgrokError } from '../../src/errors.js'
import { readFlags } from '../../src/frame/flags.js'
import { echoFrame, responseFrame } from '../../src/frame/frame.js'

const field = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(text => !text.includes(':'))
const frame = fc.record({ to: field, from: field, flags: field, payload: fc.string({ unit: 'binary' }) })

describe('frames', () => {
  it('come back from text as they were', () => {
    fc.assert(
      fc.property(frame, fields => {
        expect(echoFrame(formatEcho(fields))).toEqual(fields)
        expect(responseFrame(formatResponse(fields))).toEqual(fields)
      }),
    )
  })

  it.each([
    ['plain text', '[not-a-frame] not an echo frame'],
    ['./echo:a:b', '[frame-malformed] an echo frame has four fields, this text has fewer'],
    ['./echo::b:-:x', '[slug-invalid] to is empty'],
    ['./echo:a::-:x', '[slug-invalid] from is empty'],
    ['./echo:a:b::x', '[flags-invalid] flags is empty'],
  ])('say what is wrong with %j', (text, message) => {
    expect(() => echoFrame(text)).toThrow(new WgrokError('internal', '').constructor as ErrorConstructor)
    expect(() => echoFrame(text)).toThrow(message)
  })

  it('never repeat the payload in an error', () => {
    for (const text of ['secret', './echo::secret:secret:secret', './echo:secret:secret']) {
      expect(() => echoFrame(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('secret') }))
    }
  })

  it('share the flags that have no chunk, so that a message costs no object', () => {
    expect(readFlags('ze')).toBe(readFlags('ze'))
    expect(Object.isFrozen(readFlags('-'))).toBe(true)
  })
})
