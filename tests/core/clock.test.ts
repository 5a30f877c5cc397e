import { describe, expect, it, vi } from 'vitest'
import { backoff, delay, systemClock } from '../../src/clock.js'
import { WgrokError } from '../../src/errors.js'
import { fakeClock } from '../support/fake-clock.js'
import { seeded } from '../support/random.js'

describe('delay', () => {
  it('resolves when the time has passed', async () => {
    const clock = fakeClock()
    const done = vi.fn()
    delay(1000, undefined, clock).then(done)
    await clock.advance(999)
    expect(done).not.toHaveBeenCalled()
    await clock.advance(1)
    expect(done).toHaveBeenCalledOnce()
  })

  it('rejects at once when called off, and leaves no timer', async () => {
    const clock = fakeClock()
    const controller = new AbortController()
    const waiting = delay(1000, controller.signal, clock)
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'aborted' })
    expect(clock.pending).toBe(0)
  })

  it('does not begin when already called off, and passes on a reason of ours', async () => {
    const clock = fakeClock()
    const reason = new WgrokError('closed', 'x')
    await expect(delay(1, AbortSignal.abort(reason), clock)).rejects.toBe(reason)
    expect(clock.pending).toBe(0)
  })

  it('leaves no listener behind on a signal that lives on', async () => {
    const clock = fakeClock()
    const { signal } = new AbortController()
    const remove = vi.spyOn(signal, 'removeEventListener')
    const waiting = delay(5, signal, clock)
    await clock.advance(5)
    await waiting
    expect(remove).toHaveBeenCalledOnce()
  })
})

describe('backoff', () => {
  it('doubles the bound up to the maximum, and draws below it', () => {
    const bounds = [0, 1, 2, 3, 4, 60, 5000].map(attempt =>
      backoff({ attempt, base: 500, max: 4000, random: () => 0.999999 }),
    )
    expect(bounds).toEqual([499, 999, 1999, 3999, 3999, 3999, 3999])
  })

  it('has full jitter: any wait from zero to the bound', () => {
    const random = seeded(1)
    const waits = Array.from({ length: 1000 }, () => backoff({ attempt: 3, base: 500, max: 30_000, random }))
    expect(Math.min(...waits)).toBeLessThan(100)
    expect(Math.max(...waits)).toBeGreaterThan(3900)
    expect(Math.max(...waits)).toBeLessThan(4000)
  })
})

describe('systemClock', () => {
  it('fires, and does not fire what was cancelled', async () => {
    const fired = vi.fn()
    const cancelled = vi.fn()
    systemClock.setTimeout(cancelled, 1).cancel()
    systemClock.setTimeout(fired, 1, { unref: true })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(fired).toHaveBeenCalledOnce()
    expect(cancelled).not.toHaveBeenCalled()
  })

  it('takes a delay that is longer than timers can be, without firing at once', async () => {
    const fired = vi.fn()
    const timer = systemClock.setTimeout(fired, 2 ** 40)
    await new Promise(resolve => setTimeout(resolve, 20))
    timer.cancel()
    expect(fired).not.toHaveBeenCalled()
  })
})
