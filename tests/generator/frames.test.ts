import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import fixtures from '../../generated/fixtures.json' with { type: 'json' }
import {
  APP_COMMAND_PREFIX,
  ECHO_PREFIX,
  FRAME_PROBLEMS,
  formatAppCommand,
  formatEcho,
  formatFlags,
  formatResponse,
  isEcho,
  isPause,
  isResume,
  NO_FLAGS,
  PAUSE,
  parseAppCommand,
  parseEcho,
  parseFlags,
  parseResponse,
  RESUME,
} from '../../generated/frames.js'
import { validateFlags } from '../../generated/validators.js'
import { parseMarks } from './golden/wire/expected/frames.js'

const slug = fc.string({ minLength: 1 }).map(text => text.replaceAll(':', ';'))
const frame = fc.record({ to: slug, from: slug, flags: slug, payload: fc.string({ unit: 'binary' }) })

describe('frame fixtures', () => {
  it.each(fixtures.Echo)('echo $name comes back as it was', ({ payload }) => {
    const parsed = parseEcho(payload)
    expect(typeof parsed).toBe('object')
    expect(typeof parsed === 'object' && formatEcho(parsed)).toBe(payload)
    expect(isEcho(payload)).toBe(true)
  })

  it.each(fixtures.Response)('response $name comes back as it was', ({ payload }) => {
    const parsed = parseResponse(payload)
    expect(typeof parsed === 'object' && formatResponse(parsed)).toBe(payload)
    expect(isEcho(payload)).toBe(false)
  })

  it.each(fixtures.AppCommand)('application command $name comes back as it was', ({ payload }) => {
    const parsed = parseAppCommand(payload)
    expect(typeof parsed === 'object' && formatAppCommand(parsed)).toBe(payload)
  })

  it('name the control commands', () => {
    expect(fixtures.Pause.map(one => one.payload)).toEqual([PAUSE])
    expect(fixtures.Resume.map(one => one.payload)).toEqual([RESUME])
  })
})

describe('frame parsers', () => {
  it('read what the formatters write, whatever the fields hold', () => {
    fc.assert(fc.property(frame, one => void expect(parseEcho(formatEcho(one))).toEqual(one)))
    fc.assert(fc.property(frame, one => void expect(parseResponse(formatResponse(one))).toEqual(one)))
  })

  it('never throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', ECHO_PREFIX, APP_COMMAND_PREFIX), (text, head) => {
        for (const parse of [parseEcho, parseResponse, parseAppCommand]) {
          const result = parse(head + text)
          if (typeof result === 'string') expect(FRAME_PROBLEMS).toContain(result)
          else expect(Object.values(result).every(field => typeof field === 'string')).toBe(true)
        }
      }),
    )
  })

  it.each([
    ['', 'not-a-frame'],
    ['echo:a:b:-:x', 'not-a-frame'],
    [' ./echo:a:b:-:x', 'not-a-frame'],
    ['./ECHO:a:b:-:x', 'not-a-frame'],
    ['./echo:', 'frame-malformed'],
    ['./echo:a', 'frame-malformed'],
    ['./echo:a:b:-', 'frame-malformed'],
    ['./echo::b:-', 'frame-malformed'],
    ['./echo::b:-:x', 'slug-empty'],
    ['./echo:a::-:x', 'slug-empty'],
    ['./echo:a:b::x', 'slug-empty'],
    ['./echo::::', 'slug-empty'],
    ['./echo:::', 'frame-malformed'],
  ])('%j is %s', (text, problem) => {
    expect(parseEcho(text)).toBe(problem)
  })

  it('give the last field everything that is left, and let it be empty', () => {
    expect(parseEcho('./echo:a:b:-:')).toEqual({ to: 'a', from: 'b', flags: '-', payload: '' })
    expect(parseEcho('./echo:a:b:-::c:\n')).toEqual({ to: 'a', from: 'b', flags: '-', payload: ':c:\n' })
  })

  it('take control commands with white space around them, and nothing more', () => {
    for (const text of ['./pause', ' ./pause', './pause\r\n', '\t./pause ']) expect(isPause(text)).toBe(true)
    for (const text of ['./pause.', './paus', './PAUSE', 'x ./pause', './resume', '']) expect(isPause(text)).toBe(false)
    expect(isResume('./resume\n')).toBe(true)
  })
})

describe('flags', () => {
  it('are read exactly where the schema of the spec accepts them and N is at most M', () => {
    const pieces = ['', 'z', 'e', 'ze', 'ez', '-', 'Z']
    const counts = [
      '',
      '1/1',
      '1/3',
      '3/3',
      '4/3',
      '0/3',
      '01/3',
      '1/03',
      '+1/3',
      ' 1/3',
      '1/ 3',
      '1/',
      '/3',
      '1',
      '1/3/5',
    ]
    const more = ['999999999/999999999', '1/1000000000', '1e1/99', '１/３', '1/3 ', '-1/3']
    for (const letters of pieces) {
      for (const count of [...counts, ...more]) {
        const text = letters + count
        const [, n = '0', m = '0'] = /(\d+)\/(\d+)$/.exec(text) ?? []
        const good = validateFlags(text) && Number(n) <= Number(m)
        expect([text, parseFlags(text) !== undefined]).toEqual([text, good])
      }
    }
  })

  it('come back as they were', () => {
    const chunk = fc
      .integer({ min: 1, max: 999_999_999 })
      .chain(total => fc.record({ index: fc.integer({ min: 1, max: total }), total: fc.constant(total) }))
    const set = fc.record(
      { compressed: fc.boolean(), encrypted: fc.boolean(), chunk },
      { requiredKeys: ['compressed', 'encrypted'] },
    )
    fc.assert(fc.property(set, one => void expect(parseFlags(formatFlags(one))).toEqual(one)))
    expect(formatFlags({ compressed: false, encrypted: false })).toBe(NO_FLAGS)
  })

  it('without a chunk are shared and frozen', () => {
    for (const text of ['-', 'z', 'e', 'ze']) {
      expect(parseFlags(text)).toBe(parseFlags(text))
      expect(Object.isFrozen(parseFlags(text))).toBe(true)
    }
  })

  it('of a spec without chunks know none', () => {
    expect(parseMarks('ab')).toEqual({ first: true, second: true })
    for (const text of ['1/2', 'a1/2', 'ba', '', '-']) expect(parseMarks(text)).toBeUndefined()
  })
})
