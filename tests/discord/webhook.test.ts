import { verifyKey } from 'discord-interactions'
import { afterEach, describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { DISCORD_BOT, type DiscordEmulator } from '../../src/testing/discord/emulator.js'
import { createDial } from '../../src/transport/dial.js'
import { createDiscordApi } from '../../src/transport/discord/api.js'
import { createDiscordWebhook, type DiscordWebhookOptions } from '../../src/transport/discord/webhook.js'
import type { InboundMessage } from '../../src/transport/transport.js'
import type { Webhook } from '../../src/transport/webhook.js'
import { fakeClock, settle } from '../support/fake-clock.js'
import { Bench, memoryLogger, until } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

const FRAME = './echo:deploy:ci:-:start'
const COMMAND = {
  id: 'i1',
  application_id: '8',
  type: 2,
  token: 'interaction-token',
  version: 1,
  channel_id: '1234',
  guild_id: '9',
  member: { user: { id: '42', username: 'ann' }, permissions: '0' },
  data: { id: 'c1', name: 'wgrok', type: 1, options: [{ name: 'text', type: 3, value: FRAME }] },
}

async function endpoint(options: Partial<DiscordWebhookOptions> = {}): Promise<{
  emulator: DiscordEmulator
  webhook: Webhook
  heard: InboundMessage[]
  clock: ReturnType<typeof fakeClock>
  logger: ReturnType<typeof memoryLogger>
  post: (body: unknown, sign?: Parameters<DiscordEmulator['sign']>[1]) => Promise<{ status: number; answer: Answer }>
}> {
  const clock = fakeClock()
  const logger = memoryLogger()
  const emulator = await bench.emulator({ clock })
  const heard: InboundMessage[] = []
  const webhook = createDiscordWebhook({
    publicKey: emulator.publicKey,
    deliver: async message => void heard.push(message),
    clock,
    logger,
    ...options,
  })
  return {
    emulator,
    webhook,
    heard,
    clock,
    logger,
    post: async (body, sign) => {
      const { status, body: text } = await webhook.handle(emulator.sign(body, sign))
      return { status, answer: JSON.parse(text ?? 'null') }
    },
  }
}

interface Answer {
  readonly type?: number
  readonly code?: string
  readonly data?: { readonly content?: string; readonly flags?: number; readonly [field: string]: unknown }
}

describe('the interactions endpoint', () => {
  it('answers a ping', async () => {
    const { post } = await endpoint()
    expect(await post({ type: 1 })).toEqual({ status: 200, answer: { type: 1 } })
  })

  it('takes the command and tells nobody else about it', async () => {
    const { heard, post } = await endpoint()
    const { answer, status } = await post(COMMAND)
    expect(status).toBe(200)
    expect(answer).toMatchObject({ type: 4, data: { flags: 64, allowed_mentions: { parse: [] } } })
    expect(heard).toEqual([
      {
        platform: 'discord',
        id: 'i1',
        text: FRAME,
        cards: [],
        sender: { principals: ['42@discord'] },
        conversation: { platform: 'discord', kind: 'channel', id: '1234' },
      },
    ])
  })

  it('takes the command in a direct channel', async () => {
    const { heard, post } = await endpoint()
    const { member: _member, guild_id: _guild, ...direct } = COMMAND
    await post({ ...direct, user: { id: '45' } })
    expect(heard[0]?.sender).toEqual({ principals: ['45@discord'] })
  })

  it('opens a form for a command without text', async () => {
    const { heard, post } = await endpoint()
    const { answer } = await post({ ...COMMAND, data: { name: 'wgrok', type: 1 } })
    expect(answer).toMatchObject({ type: 9, data: { custom_id: 'wgrok' } })
    expect(heard).toEqual([])
  })

  it.each([
    ['labels', [{ type: 18, id: 1, component: { type: 4, custom_id: 'text', value: FRAME } }]],
    ['rows', [{ type: 1, components: [{ type: 4, custom_id: 'text', value: FRAME }] }]],
  ])('takes a form of %s', async (_name, components) => {
    const { heard, post } = await endpoint()
    await post({ ...COMMAND, type: 5, data: { custom_id: 'wgrok', components } })
    expect(heard.map(message => message.text)).toEqual([FRAME])
  })

  it.each([
    ['another command', { ...COMMAND, data: { name: 'other', options: [] } }, 4],
    ['a button', { ...COMMAND, type: 3, data: { custom_id: 'wgrok' } }, 4],
    ['suggestions', { ...COMMAND, type: 4 }, 8],
  ])('says that it knows nothing of %s', async (_name, body, type) => {
    const { heard, post } = await endpoint()
    expect((await post(body)).answer).toMatchObject({ type })
    expect(heard).toEqual([])
  })

  it.each([
    ['accepted', 'Taken.'],
    ['ignored', 'That is no frame for wgrok.'],
    ['refused', 'Refused.'],
  ] as const)('says what became of it: %s', async (status, content) => {
    const { post } = await endpoint({ deliver: async () => ({ status }) })
    expect((await post(COMMAND)).answer.data?.content).toBe(content)
  })

  it('says that a message could not be taken', async () => {
    const { post, logger } = await endpoint({
      deliver: async () => {
        throw new WgrokError('spool-full', 'no room')
      },
    })
    expect((await post(COMMAND)).answer.data?.content).toContain('spool-full')
    expect(logger.lines.map(line => line.fields['code'])).toEqual(['spool-full'])
  })

  it('answers within three seconds and fills the rest in later', async () => {
    let finish = (): void => {}
    const emulator = await bench.emulator()
    const api = bench.add(createDiscordApi(DISCORD_BOT.token, { apiUrl: emulator.apiUrl, dial: createDial() }))
    const {
      clock,
      webhook,
      emulator: own,
    } = await endpoint({
      api,
      deliver: () =>
        new Promise(resolve => {
          finish = () => resolve({ status: 'refused' })
        }),
    })
    const answer = webhook.handle(own.sign(COMMAND))
    await clock.advance(2_500)
    expect(JSON.parse((await answer).body ?? '')).toEqual({ type: 5, data: { flags: 64 } })
    expect(clock.pending).toBe(0)
    finish()
    await until(() => emulator.rest.edits.length === 1)
    expect(emulator.rest.edits[0]).toMatchObject({ token: 'interaction-token', body: { content: 'Refused.' } })
  })
})

describe('a request that Discord did not make', () => {
  const private_ = { ...COMMAND, data: { name: 'wgrok', options: [{ name: 'text', type: 3, value: 'very private' }] } }

  it.each(['wrong', 'body', 'none', 'short'] as const)('is refused: signature %s', async spoil => {
    const { heard, logger, post } = await endpoint()
    expect(await post(private_, { spoil })).toMatchObject({ status: 401, answer: { code: 'auth-failed' } })
    expect(await post({ type: 1 }, { spoil })).toMatchObject({ status: 401 })
    expect(heard).toEqual([])
    expectWarning(logger, ['auth-failed', 'auth-failed'])
  })

  it.each([-301, 301, -100_000, 100_000])('is refused %i seconds off', async seconds => {
    const { clock, heard, logger, post } = await endpoint()
    const timestamp = Math.floor(clock.now() / 1000) + seconds
    expect(await post(private_, { timestamp })).toMatchObject({ status: 401, answer: { code: 'auth-failed' } })
    expect(heard).toEqual([])
    expectWarning(logger, ['auth-failed'])
  })

  it.each([-300, 0, 300])('is not one that is %i seconds off', async seconds => {
    const { clock, post } = await endpoint()
    expect(await post(COMMAND, { timestamp: Math.floor(clock.now() / 1000) + seconds })).toMatchObject({ status: 200 })
  })

  it('is refused when it was accepted before, even at the same time', async () => {
    const { emulator, heard, logger, webhook } = await endpoint()
    const request = emulator.sign(private_)
    const upper = { ...request.headers, 'x-signature-ed25519': request.headers['x-signature-ed25519']?.toUpperCase() }
    const answers = await Promise.all([
      webhook.handle(request),
      webhook.handle(request),
      webhook.handle({ ...request, headers: upper }),
    ])
    expect(answers.map(answer => answer.status)).toEqual([200, 401, 401])
    await settle()
    expect(heard).toHaveLength(1)
    expectWarning(logger, ['auth-failed', 'auth-failed'])
  })

  it.each([
    ['too large', Buffer.alloc(1_048_577, 'x'), 413, 'body-too-large'],
    ['no JSON', 'very private', 400, 'body-invalid'],
    ['no interaction', '{"type":"very private"}', 400, 'body-invalid'],
  ])('is refused: %s', async (_name, body, status, code) => {
    const { logger, post } = await endpoint()
    expect(await post(body)).toMatchObject({ status, answer: { code } })
    expectWarning(logger, [code])
  })

  it("is told apart as discord-interactions' verifyKey does", async () => {
    const { emulator, webhook } = await endpoint()
    for (const spoil of [undefined, 'wrong', 'body', 'short'] as const) {
      const request = emulator.sign({ type: 1 }, spoil === undefined ? {} : { spoil })
      const { 'x-signature-ed25519': signature = '', 'x-signature-timestamp': timestamp = '' } = request.headers
      const theirs = await verifyKey(request.rawBody, signature, timestamp, emulator.publicKey)
      expect((await webhook.handle(request)).status).toBe(theirs ? 200 : 401)
    }
  })

  it('cannot be checked with a key of another form', () => {
    const deliver = async (): Promise<void> => {}
    expect(() => createDiscordWebhook({ publicKey: 'very private', deliver })).toThrow(
      /^\[config-invalid\] (?!.*private)/,
    )
  })

  function expectWarning(logger: ReturnType<typeof memoryLogger>, codes: string[]): void {
    expect(logger.lines.map(line => [line.level, line.fields['code']])).toEqual(codes.map(code => ['warn', code]))
    const text = JSON.stringify(logger.lines, (_key, value) => (value instanceof Error ? value.message : value))
    expect(text).not.toMatch(/very private|interaction-token/)
  }
})
