import { describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { AccountPool } from '../../src/router/pool.js'
import { FakeTransport, unavailable } from '../bus/fakes.js'
import { fakeClock } from '../support/fake-clock.js'

const TO = { platform: 'webex', kind: 'email', id: 'a@example.com' } as const
const options = (via?: string) => ({ signal: new AbortController().signal, idempotencyKey: 'k', via })

function setUp(count = 2) {
  const clock = fakeClock()
  const pool = new AccountPool(clock, () => 0.5)
  const transports = Array.from({ length: count }, () => new FakeTransport())
  for (const transport of transports) pool.add(transport)
  const used = () => transports.map(({ sent }) => sent.length)
  return { clock, pool, transports, used }
}

const limited = () => {
  throw new WgrokError('rate-limited', '429', { retryAfterMs: 10_000 })
}

describe('the accounts of a platform', () => {
  it('share the load: the least busy one sends', async () => {
    const { pool, transports, used } = setUp(3)
    let finish = (): void => {}
    for (const transport of transports) transport.onSend = () => new Promise<void>(resolve => (finish = resolve))
    for (let n = 0; n < 3; n++) void pool.send(TO, { text: 'x' }, options())
    expect(pool.accounts().map(({ busy }) => busy)).toEqual([1, 1, 1])
    finish()
    await new Promise(setImmediate)
    void pool.send(TO, { text: 'x' }, options())
    expect(pool.accounts().map(({ busy }) => busy)).toEqual([1, 1, 1])
    expect(used()).toEqual([0, 0, 1])
  })

  it('are passed over while they must be quiet and another is free', async () => {
    const { pool, transports, used, clock } = setUp()
    const [first] = transports as [FakeTransport, FakeTransport]
    first.onSend = limited
    for (let n = 0; n < 3; n++) await pool.send(TO, { text: 'x' }, options())
    expect(used()).toEqual([0, 3])
    first.onSend = () => {}
    await clock.advance(10_000)
    await pool.send(TO, { text: 'x' }, options())
    expect(used()).toEqual([1, 3])
  })

  it('are passed over at one destination only where the limit is about that', async () => {
    const { pool, transports, used, clock } = setUp()
    const [first] = transports as [FakeTransport, FakeTransport]
    first.onSend = () => {
      throw new WgrokError('rate-limited', '429', { retryAfterMs: 10_000, retryScope: 'destination' })
    }
    await pool.send(TO, { text: 'x' }, options())
    first.onSend = () => {}
    await pool.send({ ...TO, id: 'b@example.com' }, { text: 'x' }, options())
    await pool.send(TO, { text: 'x' }, options())
    expect(used()).toEqual([1, 2])
    await clock.advance(10_000)
    await pool.send(TO, { text: 'x' }, options())
    expect(used()).toEqual([2, 2])
  })

  it('say what a frame that one of them does not take is to be cut for', async () => {
    const { pool, transports } = setUp(1)
    const [first] = transports as [FakeTransport]
    first.onSend = () => {
      throw new WgrokError('frame-too-large', 'no')
    }
    const refused = pool.send(TO, { text: 'x'.repeat(8000) }, options())
    await expect(refused).rejects.toThrow(/7439 utf8-bytes, the frame has 8000: its sender needs WGROK_VIA=webex/)
  })

  it('report the 429 when every one of them has to wait', async () => {
    const { pool, transports } = setUp()
    for (const transport of transports) transport.onSend = limited
    await expect(pool.send(TO, { text: 'x' }, options())).rejects.toMatchObject({
      code: 'rate-limited',
      retryAfterMs: 10_000,
    })
  })

  it('answer where they were spoken to', async () => {
    const { pool, used } = setUp()
    for (let n = 0; n < 3; n++) await pool.send(TO, { text: 'x' }, options('webex-2'))
    expect(used()).toEqual([0, 3])
  })

  it.each(['target-not-found', 'forbidden', 'auth-failed'] as const)('stand in for one that gets %s', async code => {
    const { pool, transports, used } = setUp()
    const [first] = transports as [FakeTransport, FakeTransport]
    first.onSend = () => {
      throw new WgrokError(code, 'no')
    }
    await pool.send(TO, { text: 'x' }, options())
    expect(used()).toEqual([0, 1])
  })

  it('do not repeat what may have arrived', async () => {
    const { pool, transports, used } = setUp()
    const [first] = transports as [FakeTransport, FakeTransport]
    first.onSend = () => {
      throw unavailable()
    }
    await expect(pool.send(TO, { text: 'x' }, options())).rejects.toMatchObject({ code: 'platform-unavailable' })
    expect(used()).toEqual([0, 0])
  })

  it('are none on a platform without a token', async () => {
    const { pool } = setUp()
    const to = { platform: 'slack', kind: 'channel', id: 'C0123' } as const
    await expect(pool.send(to, { text: 'x' }, options())).rejects.toMatchObject({ code: 'unsupported' })
  })
})
