import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { FRAME_LIMITS } from '../../generated/limits.js'
import { type MessageHandler, type ReceiverContext, WgrokReceiver } from '../../src/bus/receiver.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import type { WgrokError } from '../../src/errors.js'
import type { CompressMode, ReceiverConfig } from '../../src/protocol.js'
import { fakeClock } from '../support/fake-clock.js'
import { FakeTransport, memoryLogger, turn } from './fakes.js'

const KEY = randomBytes(32).toString('base64')
const CONFIG: ReceiverConfig = { token: 't', platform: 'webex', slug: 'deploy', domains: ['example.com'] }

async function setUp(handler?: MessageHandler, config: Partial<ReceiverConfig> = {}) {
  const transport = new FakeTransport()
  const logger = memoryLogger()
  const errors: WgrokError[] = []
  const got: { payload: string; from: string; cards: readonly unknown[]; context: ReceiverContext }[] = []
  const record: MessageHandler = (slug, payload, cards, from, context) => {
    got.push({ payload, from, cards, context })
    return handler?.(slug, payload, cards, from, context)
  }
  const clock = fakeClock()
  const receiver = new WgrokReceiver({ ...CONFIG, ...config }, record, {
    transport,
    logger,
    clock,
    onError: error => errors.push(error),
  })
  await receiver.listen()
  return { receiver, transport, logger, errors, got, clock, payloads: () => got.map(({ payload }) => payload) }
}

function frames(
  payload: string,
  compress: CompressMode = 'never',
  key?: string,
  from = 'ci',
): Promise<readonly string[]> {
  const keys = key === undefined ? undefined : keyRing([key])
  const limit = FRAME_LIMITS.webex
  return encode(payload, { to: 'deploy', from, limit, envelope: 'response', compress, keys }).then(done => done.frames)
}

describe('what reaches the handler', () => {
  it('is the payload of a frame for its slug, colons and all, with its context', async () => {
    const { transport, got } = await setUp()
    await transport.hear({ text: 'deploy:ci:-:a:b:c', id: 'id-1', cards: [{ x: 1 }] })
    expect(got).toMatchObject([{ payload: 'a:b:c', from: 'ci', cards: [{ x: 1 }] }])
    expect(got[0]?.context).toMatchObject({
      messageId: 'id-1',
      sender: 'peer@example.com',
      platform: 'webex',
      room: { platform: 'webex', kind: 'room', id: 'room-1' },
    })
  })

  it.each(['other:ci:-:x', 'deploy:ci:x', 'hello', '', './echo:deploy:ci:-:x', 'DEPLOY:ci:-:x', 'deploy~abcd:ci:-:x'])(
    'is nothing for %j',
    async text => {
      const { transport, got, errors } = await setUp()
      await transport.hear({ text })
      expect([got, errors]).toEqual([[], []])
    },
  )

  it('is nothing from someone who is not on the allowlist', async () => {
    const { transport, got, logger } = await setUp()
    await transport.hear({ text: 'deploy:ci:-:secret', sender: { principals: ['x@evil.example'] } })
    expect(got).toEqual([])
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { code: 'not-allowed', sender: 'x@evil.example' } }])
    expect(JSON.stringify(logger.lines)).not.toContain('secret')
  })

  it('is each message once', async () => {
    const { transport, payloads } = await setUp()
    await transport.hear({ text: 'deploy:ci:-:x', id: '1' })
    await transport.hear({ text: 'deploy:ci:-:x', id: '1' })
    await transport.hear({ text: 'deploy:ci:-:x', id: '2' })
    expect(payloads()).toEqual(['x', 'x'])
  })

  it('is free of the mention in front', async () => {
    const { transport, payloads } = await setUp()
    await transport.hear({ text: 'Deploy Bot deploy:ci:-:x', mentions: ['Deploy Bot'] })
    expect(payloads()).toEqual(['x'])
  })

  it.each([
    ['plain', 'never', undefined],
    ['compressed', 'always', undefined],
    ['encrypted', 'never', KEY],
    ['compressed and encrypted', 'always', KEY],
  ] as const)('is whole again when it came %s and in chunks, in any order', async (_what, compress, key) => {
    const { transport, payloads } = await setUp(undefined, key === undefined ? {} : { encryptKeys: [key] })
    const noise = randomBytes(18_000)
    const payload = Array.from({ length: 9_000 }, (_, n) =>
      String.fromCodePoint(0x1f300 + (noise.readUInt16LE(2 * n) % 700)),
    ).join('')
    const texts = await frames(payload, compress, key)
    expect(texts.length).toBeGreaterThan(1)
    for (const text of [...texts].reverse()) await transport.hear({ text })
    expect(payloads()).toEqual([payload])
  })

  it.each([
    ['deploy:ci:q:x', 'flags-invalid'],
    ['deploy:ci:3/2:x', 'flags-invalid'],
    ['deploy:ci:1/101:x', 'chunk-limit'],
    ['deploy:ci:z:x', 'base64-invalid'],
    ['deploy:ci:z:eHh4', 'gzip-invalid'],
    ['deploy:ci:e:eHh4', 'key-missing'],
  ])('is not %j: %s', async (text, code) => {
    const { transport, got, errors, logger } = await setUp()
    await transport.hear({ text })
    expect(got).toEqual([])
    expect(errors.map(error => error.code)).toEqual([code])
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { code } }])
  })

  it('is not what was tampered with', async () => {
    const { transport, got, errors } = await setUp(undefined, { encryptKeys: [KEY] })
    const [text = ''] = await frames('secret', 'never', KEY)
    await transport.hear({ text: text.slice(0, -4) + (text.endsWith('AAAA') ? 'BBBB' : 'AAAA') })
    expect(got).toEqual([])
    expect(errors.map(error => error.code)).toEqual(['decrypt-failed'])
  })

  it('keeps the order in which it came, though some takes time to decode', async () => {
    const { transport, payloads } = await setUp(undefined, { encryptKeys: [KEY] })
    const slow = 'a'.repeat(200_000)
    const texts = [
      ...(await frames(slow, 'always', KEY)),
      'deploy:ci:-:b',
      ...(await frames('c', 'never', KEY)),
      'deploy:ci:-:d',
    ]
    await Promise.all(texts.map(text => transport.hear({ text })))
    expect(payloads().map(payload => payload[0])).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('a handler that fails', () => {
  it.each([
    ['throws', () => Promise.reject(new Error('secret'))],
    [
      'throws at once',
      () => {
        throw new Error('secret')
      },
    ],
  ])('and %s is reported, and the message counts as taken', async (_how, handler) => {
    const { transport, errors, logger, got } = await setUp(handler)
    await transport.hear({ text: 'deploy:ci:-:x', id: '1' })
    await transport.hear({ text: 'deploy:ci:-:x', id: '1' })
    expect(got).toHaveLength(1)
    expect(errors.map(({ code }) => code)).toEqual(['internal'])
    expect(logger.lines).toMatchObject([{ level: 'error', msg: 'handler failed' }])
  })
})

describe('acknowledging', () => {
  it('waits for the handler', async () => {
    let finish = (): void => {}
    const { transport } = await setUp(() => new Promise<void>(resolve => (finish = resolve)))
    let acked = false
    const heard = transport.hear({ text: 'deploy:ci:-:x' }).then(() => (acked = true))
    await turn()
    expect(acked).toBe(false)
    finish()
    await heard
  })
})

describe('reply', () => {
  it('answers the sender through the router, in the conversation that the message came from', async () => {
    const { transport, got } = await setUp()
    await transport.hear({ text: 'deploy:ci~abc123:-:x' })
    await got[0]?.context.reply('done')
    expect(transport.sent).toMatchObject([
      { to: { kind: 'room', id: 'room-1' }, message: { text: './echo:ci~abc123:deploy:-:done' } },
    ])
  })

  it('goes to the target when one is configured, sealed like everything', async () => {
    const { transport, got } = await setUp(undefined, { target: 'router@example.com', encryptKeys: [KEY] })
    await transport.hear({ text: 'deploy:ci:-:x' })
    await got[0]?.context.reply('done', { compress: true })
    expect(transport.sent[0]?.to).toMatchObject({ kind: 'email', id: 'router@example.com' })
    expect(transport.texts[0]).toMatch(/^\.\/echo:ci:deploy:ze:/)
  })

  it('has nobody to go to when the sender is anonymous', async () => {
    const { transport, got } = await setUp()
    await transport.hear({ text: 'deploy:-:-:x' })
    await expect(got[0]?.context.reply('done')).rejects.toMatchObject({ code: 'target-invalid' })
    await got[0]?.context.reply('done', { to: 'log' })
    expect(transport.texts).toEqual(['./echo:log:deploy:-:done'])
  })

  it('is held between ./pause and ./resume of the router', async () => {
    const { transport, got } = await setUp()
    await transport.hear({ text: 'deploy:ci:-:x' })
    const reply = (text: string) => got[0]?.context.reply(text)
    await transport.hear({ text: './pause', sender: { principals: ['x@evil.example'] } })
    expect((await reply('1'))?.buffered).toBe(false)
    await transport.hear({ text: './pause' })
    expect((await reply('2'))?.buffered).toBe(true)
    expect(transport.texts).toHaveLength(1)
    await transport.hear({ text: ' ./resume\n' })
    expect(transport.texts).toEqual(['./echo:ci:deploy:-:1', './echo:ci:deploy:-:2'])
  })
})

describe('closing', () => {
  it('closes the transport and leaves no timer', async () => {
    const { receiver, transport, clock } = await setUp()
    await transport.hear({ text: 'deploy:ci:1/2:x' })
    await receiver.close()
    await receiver.close()
    expect([transport.closed, clock.pending]).toEqual([1, 0])
    await expect(receiver.listen()).rejects.toMatchObject({ code: 'closed' })
  })

  it('refuses to listen when it was closed before', async () => {
    const receiver = new WgrokReceiver(CONFIG, () => {}, { transport: new FakeTransport() })
    await receiver.close()
    await expect(receiver.listen()).rejects.toMatchObject({ code: 'closed' })
  })
})
