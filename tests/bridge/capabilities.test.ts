import { describe, expect, it } from 'vitest'
import type { BridgeEnvelope } from '../../generated/models.js'
import { bitsOf, degrade, needs, readCapabilities } from '../../src/bridge/capabilities.js'
import { join, serve, until } from './support.js'

/** What an adapter with these capabilities is sent. */
function shown(envelope: BridgeEnvelope, capabilities: string[], verbatim = false): BridgeEnvelope | undefined {
  const lacking = needs(envelope) & ~bitsOf(readCapabilities(capabilities))
  return lacking === 0 ? envelope : degrade(envelope, lacking, verbatim)
}

const card = {
  type: 'AdaptiveCard',
  version: '1.3',
  body: [
    { type: 'TextBlock', text: 'Deploy 17', weight: 'bolder' },
    { type: 'FactSet', facts: [{ title: 'Stage', value: 'prod' }] },
    { type: 'Image', url: 'https://x/y.png', altText: 'graph' },
  ],
  actions: [{ type: 'Action.OpenUrl', title: 'Log', url: 'https://x/log' }],
}

describe('what an adapter cannot show', () => {
  it('is left alone when it can', () => {
    const envelope = { type: 'message', content: 'x', data: { cards: [card] } } as const
    expect(shown(envelope, ['text', 'card'])).toBe(envelope)
  })

  it.each([
    [
      'an Adaptive Card',
      { content: 'Deploy done', data: { cards: [card] } },
      'Deploy done\nDeploy 17\nStage: prod\ngraph: https://x/y.png\nLog: https://x/log',
    ],
    ['Slack blocks', { data: { cards: [{ type: 'section', text: { type: 'mrkdwn', text: '*Hi*' } }] } }, '*Hi*'],
    [
      'a Discord embed',
      { data: { cards: [{ title: 'T', description: 'D', fields: [{ name: 'n', value: 'v', inline: true }] }] } },
      'T: D\nn: v',
    ],
    ['a card without text', { data: { cards: [{ type: 'AdaptiveCard' }] } }, '[card]'],
    ['what the content says already', { content: 'T: D', data: { cards: [{ title: 'T', description: 'D' }] } }, 'T: D'],
    [
      'images',
      { content: 'see', data: { images: [{ url: 'https://i/1', alt: 'a cat' }, { url: 'https://i/2' }] } },
      'see\n[image: a cat] https://i/1\n[image] https://i/2',
    ],
    [
      'buttons',
      {
        content: 'Approve?',
        data: {
          buttons: [
            { text: 'Yes', value: 'approve-1' },
            { text: 'No', value: 'No' },
            { text: 'More', url: 'https://m' },
          ],
        },
      },
      'Approve?\n[Yes] approve-1\n[No]\n[More] https://m',
    ],
  ])('%s becomes text', (_about, fields, content) => {
    expect(shown({ type: 'message', ...fields } as BridgeEnvelope, ['text'])).toEqual({ type: 'message', content })
    expect(shown({ type: 'reply', ...fields } as BridgeEnvelope, [])).toEqual({ type: 'reply', content })
  })

  it('does not touch content that a program reads', () => {
    const envelope = { type: 'message', content: 'deploy:ci:-:x', data: { cards: [card] } } as const
    expect(shown(envelope, ['text'], true)).toEqual({ type: 'message', content: 'deploy:ci:-:x' })
  })

  it('leaves out only what is lacking, and keeps what is not known', () => {
    const data = { cards: [card], images: [{ url: 'u' }], other: 1 }
    expect(shown({ type: 'message', data } as BridgeEnvelope, ['card'])).toEqual({
      type: 'message',
      content: '[image] u',
      data: { cards: [card], other: 1 },
    })
  })

  it('leaves out the thread', () => {
    const envelope = { type: 'reply', content: 'x', metadata: { room_id: 'r', thread_id: 't' } } as const
    expect(shown(envelope, ['text'])).toEqual({ type: 'reply', content: 'x', metadata: { room_id: 'r' } })
    expect(shown(envelope, ['thread'])).toBe(envelope)
  })

  it.each(['typing', 'edit', 'delete', 'react'])('withholds %s', event => {
    expect(shown({ type: 'event', event }, ['text'])).toBeUndefined()
    expect(shown({ type: 'event', event }, [event])).toEqual({ type: 'event', event })
  })

  it('passes streams and events of other names', () => {
    for (const event of ['stream_start', 'stream_chunk', 'stream_end', 'presence']) {
      expect(shown({ type: 'event', event }, [])).toEqual({ type: 'event', event })
    }
  })
})

describe('a server', () => {
  it('shows each connection what that one declared', async () => {
    const { server, url } = await serve()
    const rich = await join(url, 'agents', 'tokA', ['text', 'card', 'typing'])
    const poor = await join(url, 'agents', 'tokA', ['text'])
    const silent = await join(url)
    await server.event('agents', 'typing', { session_key: 's' })
    await server.send('agents', { content: 'Done', data: { cards: [{ title: 'T' }] } })
    await until(() => rich.got.length === 3 && poor.got.length === 2 && silent.got.length === 2)
    expect(rich.got.slice(1)).toEqual([
      { type: 'event', event: 'typing', session_key: 's' },
      { type: 'message', content: 'Done', data: { cards: [{ title: 'T' }] } },
    ])
    expect(poor.got.slice(1)).toEqual([{ type: 'message', content: 'Done\nT' }])
    expect(silent.got.slice(1)).toEqual(poor.got.slice(1))
  })

  it('answers in the conversation that asked, not in all of the platform', async () => {
    const { server, url } = await serve()
    const [one, two] = await Promise.all([join(url), join(url)])
    server.onMessage(() => {})
    one.send({ type: 'message', session_key: 'of-one', content: 'x' })
    two.send({ type: 'message', session_key: 'of-two', content: 'x' })
    await new Promise(resolve => setTimeout(resolve, 30))
    await server.reply('agents', { session_key: 'of-two', content: 'for two' })
    await server.event('agents', 'stream_start', { session_key: 'of-one' })
    await server.reply('agents', { session_key: 'unheard', content: 'for all' })
    await until(() => one.got.length === 3 && two.got.length === 3)
    expect(one.got.slice(1).map(({ content, event }) => content ?? event)).toEqual(['stream_start', 'for all'])
    expect(two.got.slice(1).map(({ content }) => content)).toEqual(['for two', 'for all'])
  })
})
