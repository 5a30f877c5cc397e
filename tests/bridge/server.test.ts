import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { BridgeServer } from '../../src/bridge/server.js'
import { dial, join, later, serve, until } from './support.js'

describe('registering', () => {
  it('is answered by a reply of wgrok', async () => {
    const { server, url } = await serve()
    const adapter = await dial(`${url}/bridge/v1/agents`)
    adapter.send({ type: 'register', platform: 'agents', capabilities: ['text', 'typing', 'teleport'] })
    expect(await adapter.next()).toEqual({ type: 'reply', platform: 'wgrok', content: 'registered' })
    expect(server.platforms()).toEqual([
      { platform: 'agents', connections: 1, detached: 0, capabilities: ['text', 'typing'] },
    ])
  })

  it('comes before everything else', async () => {
    const { url } = await serve()
    const adapter = await dial(`${url}/bridge/v1/agents`)
    adapter.send({ type: 'message', session_key: 's', content: 'hi' })
    expect(await adapter.next()).toEqual({
      type: 'error',
      code: 400,
      message: 'register-required: register comes first',
      session_key: 's',
    })
    adapter.send({ type: 'register', platform: 'agents' })
    expect(await adapter.next()).toMatchObject({ content: 'registered' })
  })

  it('must come in time', async () => {
    const { url } = await serve({ limits: { registerTimeout: 20 } })
    const adapter = await dial(`${url}/bridge/v1/agents`)
    expect(await adapter.next()).toMatchObject({ type: 'error', message: expect.stringContaining('register-required') })
    expect(await adapter.closed).toEqual({ code: 4400, reason: 'register-required' })
  })

  it('must name the platform of the path', async () => {
    const { url } = await serve({ tokens: ['agents:tokA', 'dingtalk:tokB'] })
    const adapter = await dial(`${url}/bridge/v1/agents`)
    adapter.send({ type: 'register', platform: 'dingtalk' })
    expect(await adapter.next()).toMatchObject({ code: 400, message: expect.stringContaining('name-invalid') })
    expect(await adapter.closed).toEqual({ code: 4400, reason: 'name-invalid' })
  })

  it('checks the token in the envelope when there is one', async () => {
    const { url } = await serve()
    const adapter = await dial(`${url}/bridge/v1/agents`)
    adapter.send({ type: 'register', platform: 'agents', token: 'wrong' })
    expect(await adapter.next()).toMatchObject({ code: 401, message: expect.stringContaining('auth-failed') })
    expect(await adapter.closed).toMatchObject({ code: 4401 })
  })

  it('happens once', async () => {
    const { url } = await serve()
    const adapter = await join(url)
    adapter.send({ type: 'register', platform: 'agents' })
    expect(await adapter.next()).toMatchObject({ code: 400, message: 'envelope-invalid: already registered' })
  })
})

describe('the gate', () => {
  const refusals = [
    ['a wrong token', 'agents', { authorization: 'Bearer nope' }, 401],
    ['no token', 'agents', {}, 401],
    ['an empty token', 'agents', { authorization: 'Bearer ' }, 401],
    ['another scheme', 'agents', { authorization: 'Basic tokA' }, 401],
    ["another platform's token", 'agents', { authorization: 'Bearer tokB' }, 401],
    ['a platform without a token', 'nobody', { authorization: 'Bearer tokA' }, 401],
    ['a reserved name', 'slack', { authorization: 'Bearer tokA' }, 400],
    ["the server's own name", 'wgrok', { authorization: 'Bearer tokA' }, 400],
    ['an invalid name', 'Agents', { authorization: 'Bearer tokA' }, 400],
    ['a name that is too long', 'a'.repeat(33), { authorization: 'Bearer tokA' }, 400],
    ['a badly encoded name', '%zz', { authorization: 'Bearer tokA' }, 400],
    ['no name', '', { authorization: 'Bearer tokA' }, 400],
  ] as const
  it.each(refusals)('refuses %s before the upgrade', async (_about, platform, headers, status) => {
    const { url } = await serve({ tokens: ['agents:tokA', 'dingtalk:tokB'] })
    await expect(dial(`${url}/bridge/v1/${platform}`, headers)).rejects.toMatchObject({ status })
  })

  it('says the same whatever was wrong with the token', async () => {
    const { url } = await serve({ tokens: ['agents:tokA', 'dingtalk:tokB'] })
    const bodies = await Promise.all(
      refusals
        .filter(([, , , status]) => status === 401)
        .map(([, platform, headers]) => dial(`${url}/bridge/v1/${platform}`, headers).catch(error => error.body)),
    )
    expect(new Set(bodies)).toEqual(
      new Set([JSON.stringify({ type: 'about:blank', title: 'Unauthorized', status: 401, code: 'auth-failed' })]),
    )
  })

  it('lets two tokens in while they are rotated, and drops the connections of the old one after', async () => {
    const { server, url } = await serve({ tokens: { agents: ['old', 'new'] } })
    const before = await join(url, 'agents', 'old')
    const after = await join(url, 'agents', 'new')
    server.setTokens({ agents: 'new' })
    expect(await before.next()).toMatchObject({ code: 401 })
    expect(await before.closed).toEqual({ code: 4401, reason: 'auth-failed' })
    await expect(join(url, 'agents', 'old')).rejects.toMatchObject({ status: 401 })
    after.send({ type: 'nonsense' })
    expect(await after.next()).toMatchObject({ code: 400 })
  })

  it('takes a token from the query, with a warning that does not repeat it', async () => {
    const lines: string[] = []
    const logger = {
      debug: () => {},
      info: () => {},
      error: () => {},
      child: () => logger,
      warn: (msg: string, fields?: object) => lines.push(msg + JSON.stringify(fields)),
    }
    const { url } = await serve({ logger })
    const adapter = await dial(`${url}/bridge/v1/agents?token=tokA`, {})
    adapter.send({ type: 'register', platform: 'agents' })
    expect(await adapter.next()).toMatchObject({ content: 'registered' })
    expect(lines.join()).toContain('deprecated')
    expect(lines.join()).not.toContain('tokA')
  })

  it('answers plain HTTP and foreign paths without an upgrade', async () => {
    const { url } = await serve()
    expect((await fetch(url.replace('ws:', 'http:'))).status).toBe(426)
    await expect(dial(`${url}/elsewhere`)).rejects.toMatchObject({ status: 404 })
  })

  it('refuses tokens that cannot be used', () => {
    for (const tokens of [['agents'], ['agents:'], ['slack:x'], ['Bad Name:x'], { irc: 'x' }]) {
      expect(() => new BridgeServer({ tokens })).toThrow(expect.objectContaining({ code: 'config-invalid' }))
    }
  })
})

describe('messages', () => {
  it('go to the handler, and what it returns is the reply', async () => {
    const { server, url } = await serve()
    server.onMessage(
      async (message, session) => `${message.content} from ${message.metadata?.user_id} on ${session.platform}`,
    )
    const adapter = await join(url)
    adapter.send({ type: 'message', session_key: 's-1', content: 'hi', metadata: { user_id: 'u', room_id: 'r' } })
    expect(await adapter.next()).toEqual({
      type: 'reply',
      session_key: 's-1',
      metadata: { room_id: 'r' },
      content: 'hi from u on agents',
    })
  })

  it('reach the handler with the fields that the protocol does not know', async () => {
    const { server, url } = await serve()
    const got: unknown[] = []
    server.onMessage(message => void got.push(message))
    const adapter = await join(url)
    const message = {
      type: 'message',
      content: 'x',
      extra: { deep: [1] },
      id: 7,
      metadata: { user_id: 'u', lang: 'zh' },
    }
    adapter.send(message)
    await until(() => got.length === 1)
    expect(got).toEqual([message])
  })

  it('leave with empty fields left out and unknown ones kept', async () => {
    const { server, url } = await serve()
    const adapter = await join(url)
    await server.send('agents', {
      content: 'x',
      session_key: '',
      metadata: { user_id: '', room_id: 'r' },
      task_id: 't',
      ...{ custom: 1 },
    })
    expect(await adapter.next()).toEqual({
      type: 'message',
      content: 'x',
      metadata: { room_id: 'r' },
      task_id: 't',
      custom: 1,
    })
  })

  it('reach every connection of the platform and no other', async () => {
    const { server, url } = await serve({ tokens: ['agents:tokA', 'dingtalk:tokB'] })
    const [one, two, other] = await Promise.all([join(url), join(url), join(url, 'dingtalk', 'tokB')])
    await server.send('agents', 'to you')
    await server.event('dingtalk', 'typing', { session_key: 's' }).catch(() => {})
    await server.reply('dingtalk', { session_key: 's', content: 'to me' })
    expect(await one.next()).toEqual({ type: 'message', content: 'to you' })
    expect(await two.next()).toEqual({ type: 'message', content: 'to you' })
    await until(() => other.got.length >= 2)
    expect(other.got.at(-1)).toEqual({ type: 'reply', session_key: 's', content: 'to me' })
  })

  it('to nobody fail', async () => {
    const { server } = await serve()
    await expect(server.send('agents', 'x')).rejects.toMatchObject({ code: 'platform-unavailable', retryable: true })
    await expect(server.send('unheard', 'x')).rejects.toMatchObject({ code: 'target-not-found', retryable: false })
  })

  it('keep their order though the inspection takes its time', async () => {
    const seen: string[] = []
    const { server, url } = await serve({
      inspect: async ({ envelope }) => {
        const text = 'content' in envelope ? (envelope.content ?? '') : ''
        if (text === '0') await new Promise(resolve => setTimeout(resolve, 20))
        return text === 'bad' ? 'refuse' : text === '2' ? { content: 'two' } : 'pass'
      },
    })
    server.onMessage(message => void seen.push(message.content ?? ''))
    const adapter = await join(url)
    for (const content of ['0', '1', 'bad', '2']) adapter.send({ type: 'message', content, session_key: content })
    expect(await adapter.next()).toMatchObject({
      code: 422,
      session_key: 'bad',
      message: expect.stringContaining('content-refused'),
    })
    await until(() => seen.length === 3)
    expect(seen).toEqual(['0', '1', 'two'])
  })

  it('that a handler fails on are answered by an error that tells nothing', async () => {
    const { server, url } = await serve()
    server.onMessage(() => {
      throw new Error('the secret is 42')
    })
    const adapter = await join(url)
    adapter.send({ type: 'message', session_key: 's', content: 'x' })
    expect(await adapter.next()).toEqual({ type: 'error', code: 500, message: 'internal', session_key: 's' })
  })

  it('stop being read while too many are with the handler', async () => {
    const { server, url } = await serve({ limits: { inflight: 4 } })
    let running = 0
    let peak = 0
    let done = 0
    server.onMessage(async () => {
      running += 1
      peak = Math.max(peak, running)
      await new Promise(resolve => setTimeout(resolve, 5))
      running -= 1
      done += 1
    })
    const adapter = await join(url)
    const content = 'x'.repeat(50_000)
    for (let n = 0; n < 60; n += 1) adapter.send({ type: 'message', content })
    await until(() => done === 60)
    expect(peak).toBeLessThan(30)
  })
})

describe('events, replies and errors of an adapter', () => {
  it('reach their handlers', async () => {
    const { server, url } = await serve()
    const got: unknown[] = []
    server
      .onEvent((event, session) => void got.push([event.event, event.data, session.key]))
      .onReply(reply => void got.push(reply.content))
      .onError(error => void got.push(error.code))
    const adapter = await join(url)
    adapter.send({ type: 'event', event: 'stream_chunk', session_key: 's', data: { content: 'Hel' } })
    adapter.send({ type: 'reply', session_key: 's', content: 'done' })
    adapter.send({ type: 'error', code: 503, message: 'busy' })
    await until(() => got.length === 3)
    expect(got).toEqual([['stream_chunk', { content: 'Hel' }, 's'], 'done', 503])
  })
})

describe('a session', () => {
  it('sends, types and streams into the conversation that it belongs to', async () => {
    const { server, url } = await serve()
    server.onMessage(async (_message, session) => {
      await session.send('first')
      await session.typing()
      const stream = session.stream()
      await stream.write('Hel')
      await stream.write('lo')
      await stream.end('Hello')
      await stream.end()
    })
    const adapter = await join(url, 'agents', 'tokA', ['text', 'typing'])
    adapter.send({ type: 'message', session_key: 's', content: 'x' })
    await until(() => adapter.got.length === 7)
    expect(adapter.got.slice(1)).toEqual([
      { type: 'message', session_key: 's', content: 'first' },
      { type: 'event', event: 'typing', session_key: 's' },
      { type: 'event', event: 'stream_start', session_key: 's' },
      { type: 'event', event: 'stream_chunk', session_key: 's', data: { content: 'Hel' } },
      { type: 'event', event: 'stream_chunk', session_key: 's', data: { content: 'lo' } },
      { type: 'event', event: 'stream_end', session_key: 's', data: { content: 'Hello' } },
    ])
  })
})

describe('what is not in the protocol', () => {
  it.each([
    ['no JSON', 'x', 'envelope-invalid: not JSON'],
    ['a list', '[]', 'envelope-invalid: not an object'],
    ['null', 'null', 'envelope-invalid: not an object'],
    ['no type', '{}', 'envelope-invalid'],
    ['an unknown type', '{"type":"launch"}', 'type-unknown'],
    ['a type of an object', '{"type":"toString"}', 'type-unknown'],
    ['a field of the wrong type', '{"type":"message","content":7}', 'envelope-invalid: /content'],
    ['a missing field', '{"type":"event"}', 'envelope-invalid'],
    ['a doubled key', '{"type":"message","content":"a","content":"b"}', 'envelope-invalid: a key is doubled'],
    ['a doubled key inside', '{"type":"message","metadata":{"user_id":"a","user_\\u0069d":"b"}}', 'a key is doubled'],
    ['__proto__', '{"type":"message","metadata":{"__proto__":{"a":1}}}', 'envelope-invalid: a key is forbidden'],
    ['deep nesting', `{"type":"event","event":"e","data":${'['.repeat(99)}${']'.repeat(99)}}`, 'nested too deeply'],
  ])('%s is answered by an error, and the connection lives on', async (_about, text, message) => {
    const { server, url } = await serve()
    server.onMessage(() => 'alive')
    const adapter = await join(url)
    adapter.send(text)
    expect(await adapter.next()).toMatchObject({ type: 'error', code: 400, message: expect.stringContaining(message) })
    adapter.send({ type: 'message', content: 'colons : and "quotes\\" \\\\', metadata: { 'a:b': 1 } })
    expect(await adapter.next()).toMatchObject({ type: 'reply', content: 'alive' })
  })

  it('a binary frame is refused and the connection closed', async () => {
    const { url } = await serve()
    const adapter = await join(url)
    adapter.socket.send(Buffer.from('{}'))
    expect(await adapter.next()).toMatchObject({
      code: 415,
      message: expect.stringContaining('media-type-unsupported'),
    })
    expect(await adapter.closed).toEqual({ code: 4415, reason: 'media-type-unsupported' })
  })

  it('an envelope that is too large is refused and the connection closed', async () => {
    const { url } = await serve({ limits: { payload: 1000 } })
    const adapter = await join(url)
    adapter.send({ type: 'message', content: 'x'.repeat(1000) })
    expect(await adapter.next()).toMatchObject({ code: 413, message: expect.stringContaining('body-too-large') })
    expect(await adapter.closed).toEqual({ code: 1009, reason: 'body-too-large' })
  })

  it('text that is not UTF-8 is refused and the connection closed', async () => {
    const { url } = await serve()
    const adapter = await join(url)
    adapter.socket.send(Buffer.from([0xff, 0xfe]), { binary: false })
    expect(await adapter.next()).toMatchObject({ code: 400 })
    expect(await adapter.closed).toMatchObject({ code: 1007 })
  })
})

describe('connections', () => {
  it('that fall silent are dropped, those that answer pings are kept', async () => {
    const { server, url } = await serve({ limits: { pingInterval: 50, pongTimeout: 250 } })
    const alive = await join(url)
    const dead = await join(url)
    dead.socket.pause()
    await until(() => server.platforms()[0]?.connections === 1)
    await new Promise(resolve => setTimeout(resolve, 600))
    expect(server.platforms()).toMatchObject([{ connections: 1 }])
    expect(alive.socket.readyState).toBe(alive.socket.OPEN)
  })

  it('beyond the limit are refused', async () => {
    const { url } = await serve({ limits: { connections: 1 } })
    await join(url)
    await expect(join(url)).rejects.toMatchObject({ status: 503 })
  })

  it('are closed when the server closes', async () => {
    const { server, url } = await serve()
    const adapter = await join(url)
    await server.close()
    expect(await adapter.closed).toEqual({ code: 1001, reason: 'closed' })
    await expect(server.send('agents', 'x')).rejects.toMatchObject({ code: 'closed' })
    await expect(server.listen()).rejects.toMatchObject({ code: 'closed' })
  })

  it('come through an HTTP server that is already there', async () => {
    const server = later(new BridgeServer({ tokens: ['agents:tokA'] })).onMessage(() => 'mounted')
    const http = createServer((_request, response) => response.end('mine'))
    http.on('upgrade', (request, socket, head) => {
      if (!server.handleUpgrade(request, socket, head)) socket.destroy()
    })
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    later(http)
    const { port } = http.address() as AddressInfo
    const adapter = await join(`ws://127.0.0.1:${port}`)
    adapter.send({ type: 'message', content: 'x' })
    expect(await adapter.next()).toMatchObject({ content: 'mounted' })
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('mine')
  })

  it('that stop reading are closed as slow', async () => {
    const { server, url } = await serve({ limits: { buffered: 100_000, closeTimeout: 50 } })
    const adapter = await join(url)
    adapter.socket.pause()
    const failed = (async () => {
      for (;;)
        await Promise.race([server.send('agents', 'x'.repeat(50_000)), new Promise(resolve => setTimeout(resolve, 5))])
    })()
    await expect(failed).rejects.toMatchObject({ code: 'slow-consumer', retryable: true })
    await until(() => server.platforms().length === 0)
  })
})
