import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { later, serve, until } from './support.js'

/** The fields of `WireMessage` and `WireMetadata`, as the published protocol page lists them. */
const WIRE = new Set(
  'type platform token session_key content metadata event data code message capabilities from to task_id status response error created_at'.split(
    ' ',
  ),
)
const METADATA = new Set(['user_id', 'room_id', 'thread_id', 'platform'])
/** Present in, of the same page. The relay fields may stand on every type. */
const PRESENT_IN: Record<string, string[]> = {
  platform: ['register', 'reply', 'message'],
  token: ['register'],
  session_key: ['message', 'reply', 'event', 'error'],
  content: ['message', 'reply'],
  metadata: ['message', 'reply', 'event'],
  event: ['event'],
  data: ['event', 'message', 'reply'],
  code: ['error'],
  message: ['error'],
  capabilities: ['register'],
}

function check(envelope: Record<string, unknown>): void {
  for (const [field, value] of Object.entries(envelope)) {
    expect(WIRE).toContain(field)
    expect(PRESENT_IN[field] ?? [envelope['type']]).toContain(envelope['type'])
    // omitempty
    expect([null, '', 0]).not.toContain(value)
    if (field === 'metadata') for (const inner of Object.keys(value as object)) expect(METADATA).toContain(inner)
  }
}

describe('a client written against the published page only', () => {
  it('registers, exchanges all five types and the stream events, and meets no unexpected field', async () => {
    const { server, url } = await serve({ tokens: ['dingtalk:s3cret'] })
    const heard: unknown[] = []
    server
      .onMessage(async (message, session) => {
        heard.push(message)
        await session.typing()
        const stream = session.stream()
        await stream.write('Hel')
        await stream.write('lo')
        await stream.end()
        await session.send('an AI reply')
        return {
          content: 'the answer',
          status: 'done',
          task_id: 't-1',
          from: 'engine',
          created_at: '2026-01-01T00:00:00Z',
        }
      })
      .onReply(reply => void heard.push(reply))
      .onEvent(event => void heard.push(event))
      .onError(error => void heard.push(error))

    const got: Record<string, unknown>[] = []
    const socket = new WebSocket(`${url}/bridge/v1/dingtalk`, { headers: { Authorization: 'Bearer s3cret' } })
    later({ close: () => socket.terminate() })
    socket.on('message', data => {
      const envelope = JSON.parse(String(data))
      check(envelope)
      got.push(envelope)
    })
    await new Promise(resolve => socket.once('open', resolve))
    const send = (envelope: object): void => socket.send(JSON.stringify(envelope))

    const all = ['text', 'image', 'card', 'buttons', 'typing', 'edit', 'delete', 'react', 'thread']
    send({ type: 'register', platform: 'dingtalk', token: 's3cret', capabilities: all })
    await until(() => got.length === 1)
    expect(got[0]).toMatchObject({ type: 'reply' })

    const metadata = { user_id: 'u', room_id: 'r', thread_id: 't', platform: 'dingtalk' }
    const message = {
      type: 'message',
      platform: 'dingtalk',
      session_key: 's',
      content: 'hi',
      metadata,
      from: 'me',
      to: 'you',
    }
    const reply = { type: 'reply', session_key: 's', content: 'delivered', response: 'ok' }
    const event = { type: 'event', event: 'typing', session_key: 's', data: { any: ['thing'] } }
    const error = { type: 'error', code: 502, message: 'upstream is down' }
    for (const envelope of [message, reply, event, error, { type: 'error', code: 1 }, { type: 'launch' }])
      send(envelope)
    await until(() => got.length === 9 && heard.length === 5)
    expect(new Set(heard)).toEqual(new Set([message, reply, event, error, { type: 'error', code: 1 }]))

    await server.send('dingtalk', { session_key: 's', content: 'pushed', metadata: { thread_id: 't' } })
    await until(() => got.length === 10)
    const where = { session_key: 's', metadata: { room_id: 'r', thread_id: 't' } }
    const rest = got.slice(1)
    expect(rest.filter(({ type }) => type === 'error')).toEqual([
      { type: 'error', code: 400, message: expect.stringContaining('type-unknown') },
    ])
    expect(rest.filter(({ type }) => type === 'event')).toEqual([
      { type: 'event', event: 'typing', ...where },
      { type: 'event', event: 'stream_start', ...where },
      { type: 'event', event: 'stream_chunk', ...where, data: { content: 'Hel' } },
      { type: 'event', event: 'stream_chunk', ...where, data: { content: 'lo' } },
      { type: 'event', event: 'stream_end', ...where },
    ])
    expect(rest.filter(({ type }) => type === 'message')).toEqual([
      { type: 'message', ...where, content: 'an AI reply' },
      { type: 'message', session_key: 's', content: 'pushed', metadata: { thread_id: 't' } },
    ])
    expect(rest.filter(({ type }) => type === 'reply')).toEqual([
      {
        type: 'reply',
        ...where,
        content: 'the answer',
        status: 'done',
        task_id: 't-1',
        from: 'engine',
        created_at: '2026-01-01T00:00:00Z',
      },
    ])
  })
})
