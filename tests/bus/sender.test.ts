import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { WgrokSender } from '../../src/bus/sender.js'
import { WgrokError } from '../../src/errors.js'
import type { SenderConfig } from '../../src/protocol.js'
import { fakeClock } from '../support/fake-clock.js'
import { FakeTransport, failing, memoryLogger, turn, unavailable } from './fakes.js'

const CONFIG: SenderConfig = { token: 't', platform: 'webex', target: 'router@example.com', slug: 'deploy', from: 'ci' }

function setUp(config: Partial<SenderConfig> = {}, transport = new FakeTransport()) {
  const clock = fakeClock()
  const logger = memoryLogger()
  const sender = new WgrokSender({ ...CONFIG, ...config }, { transport, clock, logger, random: () => 0.5 })
  return { sender, transport, clock, logger }
}

describe('WgrokSender.send', () => {
  it('writes an echo frame to the router and returns its id', async () => {
    const { sender, transport } = setUp()
    expect(await sender.send('start: now')).toEqual({
      messageId: 'sent-1',
      messageIds: ['sent-1'],
      platformResponse: { ok: true },
      buffered: false,
    })
    expect(transport.sent[0]).toMatchObject({
      to: { platform: 'webex', kind: 'email', id: 'router@example.com' },
      message: { text: './echo:deploy:ci:-:start: now' },
    })
  })

  it('lets one send choose both slugs, anonymous too', async () => {
    const { sender, transport } = setUp()
    await sender.send('x', { to: 'status', from: '-' })
    expect(transport.texts).toEqual(['./echo:status:-:-:x'])
  })

  it('takes the slug for from when nothing else is set', async () => {
    const transport = new FakeTransport()
    const { from: _, ...config } = CONFIG
    await new WgrokSender(config, { transport }).send('x')
    expect(transport.texts).toEqual(['./echo:deploy:deploy:-:x'])
  })

  it.each([
    [true, 'z'],
    [false, '-'],
  ] as const)('compress: %s gives the flags %s', async (compress, flags) => {
    const { sender, transport } = setUp()
    await sender.send('hello', { compress })
    expect(transport.texts[0]?.split(':')[4 - 1]).toBe(flags)
  })

  it('puts cards on the last chunk', async () => {
    const { sender, transport } = setUp()
    await sender.send('x'.repeat(20_000), { card: { a: 1 } })
    expect(transport.sent.map(({ message }) => message.cards)).toEqual([undefined, undefined, [{ a: 1 }]])
  })

  it('never mixes two payloads, however slow the platform is', async () => {
    const { sender, transport } = setUp()
    let turns = 0
    transport.onSend = async () => {
      for (let wait = ++turns % 3; wait > 0; wait--) await turn()
    }
    await Promise.all(['a', 'b', 'c'].map(letter => sender.send(letter.repeat(20_000))))
    expect(transport.texts.map(text => text.at(-1)).join('')).toBe('aaabbbccc')
  })

  it('gives each frame a key of its own that its retry keeps', async () => {
    const { sender, transport, clock } = setUp()
    const keys: string[] = []
    const fail = failing(1, unavailable())
    transport.onSend = ({ idempotencyKey }) => {
      keys.push(idempotencyKey)
      fail()
    }
    const sent = sender.send('x'.repeat(10_000))
    await clock.advance(1_000)
    await sent
    expect(keys).toHaveLength(3)
    expect(keys[0]).toBe(keys[1])
    expect(keys[2]).not.toBe(keys[0])
  })

  it('fails when the platform refuses for good, and the next one goes through', async () => {
    const { sender, transport } = setUp()
    transport.onSend = failing(1, new WgrokError('auth-failed', 'no'))
    const results = await Promise.allSettled([sender.send('1'), sender.send('2')])
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'auth-failed' } })
    expect(transport.texts).toEqual(['./echo:deploy:ci:-:2'])
  })

  it('calls a send off while it waits for its turn and between its chunks', async () => {
    const { sender, transport } = setUp()
    const first = new AbortController()
    const second = new AbortController()
    transport.onSend = () => first.abort()
    const one = sender.send('x'.repeat(20_000), { signal: first.signal })
    const two = sender.send('never', { signal: second.signal })
    second.abort()
    await expect(two).rejects.toMatchObject({ code: 'aborted' })
    await expect(one).rejects.toMatchObject({ code: 'aborted' })
    await sender.send('after')
    expect(transport.texts.map(text => text.slice(-5))).toEqual(['xxxxx', 'after'])
  })

  it('refuses slugs that are none', async () => {
    const { sender } = setUp()
    await expect(sender.send('x', { to: 'a:b' })).rejects.toMatchObject({ code: 'slug-invalid' })
    await expect(sender.send('x', { to: './pause' })).rejects.toMatchObject({ code: 'slug-invalid' })
  })

  it('needs a target where only a target tells where the router is', () => {
    const { target: _, ...config } = CONFIG
    expect(() => new WgrokSender(config)).toThrow(expect.objectContaining({ code: 'config-missing' }))
    expect(() => new WgrokSender({ ...config, platform: 'bridge', token: 'ws://a:b@127.0.0.1:1' })).not.toThrow()
    expect(() => new WgrokSender({ ...config, platform: 'irc', token: 'n:p@h:6697/#wgrok' })).not.toThrow()
  })
})

describe('pause and resume', () => {
  it('holds at most so many messages', async () => {
    const { sender } = setUp()
    sender.pause()
    for (let n = 0; n < LIMITS.senderBufferMax; n++) await sender.send('x')
    await expect(sender.send('x')).rejects.toMatchObject({ code: 'lane-full', retryable: true })
  })

  it('goes on being paused when one fails, and keeps what may succeed later', async () => {
    const { sender, transport, clock } = setUp()
    sender.pause()
    for (const text of ['1', '2', '3']) await sender.send(text)
    transport.onSend = ({ message }) => {
      if (message.text.endsWith('2')) throw unavailable()
    }
    const resumed = expect(sender.resume()).rejects.toMatchObject({ code: 'platform-unavailable' })
    await clock.advance(60_000)
    await resumed
    expect((await sender.send('4')).buffered).toBe(true)
    transport.onSend = () => {}
    await sender.resume()
    expect(transport.texts.map(text => text.at(-1))).toEqual(['1', '2', '3', '4'])
  })

  it('drops a held message that can never be sent', async () => {
    const { sender, transport } = setUp({ maxChunks: 1 })
    sender.pause()
    await sender.send('x'.repeat(20_000))
    await sender.send('2')
    await expect(sender.resume()).rejects.toMatchObject({ code: 'too-many-chunks' })
    await sender.resume()
    expect(transport.texts).toEqual(['./echo:deploy:ci:-:2'])
  })

  it('lets new messages wait until the held ones are out', async () => {
    const { sender, transport } = setUp()
    sender.pause()
    await sender.send('1')
    await sender.send('2')
    const resumed = sender.resume()
    await sender.send('3')
    expect(await resumed).toHaveLength(2)
    expect(transport.texts.map(text => text.at(-1))).toEqual(['1', '2', '3'])
  })

  it('forgets a held message whose caller gave up', async () => {
    const { sender, transport } = setUp()
    const controller = new AbortController()
    sender.pause()
    await sender.send('1', { signal: controller.signal })
    await sender.send('2')
    controller.abort()
    expect(await sender.resume()).toHaveLength(1)
    expect(transport.texts.map(text => text.at(-1))).toEqual(['2'])
  })
})

describe('WgrokSender.request', () => {
  const inboxOf = (text: string | undefined): string => text?.split(':')[2] ?? ''

  it('speaks from an inbox of its own and takes the answer to it', async () => {
    const { sender, transport } = setUp()
    transport.onSend = ({ message }) => {
      const inbox = inboxOf(message.text)
      setImmediate(() => {
        void transport.hear({ text: 'ci:deploy:-:not for the inbox' })
        void transport.hear({ text: `${inbox}x:deploy:-:another inbox` })
        void transport.hear({ text: `${inbox}:deploy:-:yes`, id: 'reply' })
        void transport.hear({ text: `${inbox}:deploy:-:too late` })
      })
    }
    const reply = await sender.request('ready?')
    expect(reply).toMatchObject({ payload: 'yes', from: 'deploy', context: { messageId: 'reply', platform: 'webex' } })
    expect(inboxOf(transport.texts[0])).toMatch(/^ci~[\w-]{12}$/)
  })

  it('listens once for any number of requests', async () => {
    const { sender, transport } = setUp()
    transport.onSend = ({ message }) => {
      setImmediate(() => void transport.hear({ text: `${inboxOf(message.text)}:deploy:-:ok` }))
    }
    await Promise.all([sender.request('1'), sender.request('2'), sender.request('3')])
    expect(transport.listening).toBe(1)
    expect(new Set(transport.texts.map(inboxOf)).size).toBe(3)
  })

  it('gives up after a while and leaves no timer behind', async () => {
    const { sender, clock } = setUp()
    const reply = expect(sender.request('x', { timeoutMs: 50 })).rejects.toMatchObject({ code: 'timeout' })
    await clock.advance(50)
    await reply
    expect(clock.pending).toBe(0)
  })

  it('gives up when told to, and when the sender is closed', async () => {
    const { sender } = setUp()
    const controller = new AbortController()
    const aborted = expect(sender.request('x', { signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
    })
    await turn()
    controller.abort()
    await aborted
    const closed = expect(sender.request('x')).rejects.toMatchObject({ code: 'closed' })
    await turn()
    await sender.close()
    await closed
  })

  it('heeds the allowlist when there is one', async () => {
    const { sender, transport, clock } = setUp({ domains: ['example.com'] })
    transport.onSend = ({ message }) => {
      const text = `${inboxOf(message.text)}:deploy:-:forged`
      setImmediate(() => void transport.hear({ text, sender: { principals: ['x@evil.example'] } }))
    }
    const reply = expect(sender.request('x')).rejects.toMatchObject({ code: 'timeout' })
    await turn()
    await clock.advance(LIMITS.requestTimeout)
    await reply
  })
})

describe('closing', () => {
  it('lets sends under way finish, then refuses', async () => {
    const { sender, transport } = setUp()
    const sent = sender.send('x'.repeat(20_000))
    await sender.close()
    await sent
    expect(transport.sent).toHaveLength(3)
    expect(transport.closed).toBe(1)
    await expect(sender.send('y')).rejects.toMatchObject({ code: 'closed' })
  })

  it('opens nothing when nothing was sent', async () => {
    const { sender, transport } = setUp()
    await sender.close()
    expect(transport.closed).toBe(0)
  })

  it('calls off what does not finish in time', async () => {
    const { sender, transport, clock } = setUp()
    transport.onSend = () => new Promise(() => {})
    const sent = expect(sender.send('x')).rejects.toMatchObject({ code: 'closed' })
    await turn()
    const closed = sender.close()
    await clock.advance(LIMITS.drainTimeout)
    await Promise.all([sent, closed])
  })
})
