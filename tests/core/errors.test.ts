import { describe, expect, it } from 'vitest'
import { ERROR_CODES, ERRORS } from '../../generated/errors.js'
import { WgrokError } from '../../src/errors.js'

describe('WgrokError', () => {
  it.each(ERROR_CODES)('takes status and retryable of %s from the registry', code => {
    const error = new WgrokError(code, 'detail')
    expect(error).toMatchObject({ name: 'WgrokError', code, message: `[${code}] detail` })
    expect({ status: error.status, retryable: error.retryable }).toEqual({
      status: ERRORS[code].status,
      retryable: ERRORS[code].retryable,
    })
  })

  it('lets the thrower know better about retryable, and keeps the cause', () => {
    const cause = new Error('why')
    const error = new WgrokError('platform-unavailable', 'x', { cause, retryable: false })
    expect(error.retryable).toBe(false)
    expect(error.cause).toBe(cause)
    expect('cause' in new WgrokError('internal', 'x')).toBe(false)
  })
})

describe('WgrokError.from', () => {
  it('hands a WgrokError back as it is', () => {
    const error = new WgrokError('timeout', 'x')
    expect(WgrokError.from(error, 'internal')).toBe(error)
  })

  it('knows aborted and timed-out signals', () => {
    expect(WgrokError.from(AbortSignal.abort().reason).code).toBe('aborted')
    expect(WgrokError.from(new DOMException('x', 'TimeoutError')).code).toBe('timeout')
  })

  it('does not repeat the message of a foreign error, which may quote a payload', () => {
    let caught: unknown
    try {
      JSON.parse('secret')
    } catch (error) {
      caught = error
    }
    const error = WgrokError.from(caught, 'envelope-invalid')
    expect(error.message).toBe('[envelope-invalid] SyntaxError')
    expect(error.cause).toBe(caught)
  })

  it('says what happened to a socket, also when fetch wraps it', () => {
    const socket = Object.assign(new Error('x'), {
      syscall: 'connect',
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
      port: 1,
    })
    const message = '[platform-unavailable] connect ECONNREFUSED 127.0.0.1:1'
    expect(WgrokError.from(socket, 'platform-unavailable').message).toBe(message)
    const wrapped = new TypeError('fetch failed', { cause: socket })
    expect(WgrokError.from(wrapped, 'platform-unavailable').message).toBe(message)
  })

  it.each([undefined, null, 'secret', 7, Symbol('secret'), {}, [], Object.create(null)])(
    'takes anything: %#',
    thrown => {
      const error = WgrokError.from(thrown)
      expect(error.code).toBe('internal')
      expect(error.message).not.toContain('secret')
    },
  )
})
