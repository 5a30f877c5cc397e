import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../generated/limits.js'
import { systemClock } from '../../src/clock.js'
import { silent } from '../../src/log.js'
import type { BotConfig } from '../../src/protocol.js'
import { openHttp } from '../../src/router/http.js'
import { WgrokRouter } from '../../src/router/index.js'
import { FakeTransport, memoryLogger, unavailable } from '../bus/fakes.js'
import { fakeClock } from '../support/fake-clock.js'
import { Backend } from './backend.js'

const SECRET = 'webhook-secret'
const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map(thing => thing.close()))
})

async function start(config: Partial<BotConfig> = {}, options: ConstructorParameters<typeof WgrokRouter>[1] = {}) {
  const webex = new FakeTransport()
  const router = new WgrokRouter(
    {
      domains: ['example.com'],
      webhookPort: 0,
      webhookSecret: SECRET,
      routes: { deploy: 'room:Y2lzY29TEST' },
      ...config,
    },
    { logger: silent, transports: [webex], ...options },
  )
  open.push(router)
  await router.start()
  const url = router.httpUrl ?? ''
  const post = async (body: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/wgrok`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    }
  }
  const heard = async () => (await router.status()).counts.heard
  return { router, webex, url, port: Number(new URL(url).port), post, heard }
}

const FRAME = { text: './echo:deploy:ci:-:x', from: 'ci@example.com' }
const HEAD = `POST /wgrok HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${SECRET}\r\ncontent-type: application/json\r\n`

/** Sends raw bytes and returns what comes back until the server closes or `ms` have passed. */
async function raw(port: number, parts: readonly string[], ms = 2_000): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', part => {
    answer += part
  })
  socket.on('error', () => {})
  for (const part of parts) {
    socket.write(part)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  await Promise.race([once(socket, 'close'), new Promise(resolve => setTimeout(resolve, ms))])
  socket.destroy()
  return answer
}

describe('bodies', () => {
  const json = JSON.stringify(FRAME)

  it('may come in chunks', async () => {
    const { port, heard } = await start()
    const chunks = [json.slice(0, 10), json.slice(10)].map(part => `${part.length.toString(16)}\r\n${part}\r\n`)
    const answer = await raw(port, [
      `${HEAD}connection: close\r\ntransfer-encoding: chunked\r\n\r\n`,
      ...chunks,
      '0\r\n\r\n',
    ])
    expect(answer).toContain('202 Accepted')
    expect(await heard()).toBe(1)
  })

  it('may come slowly', async () => {
    const { port, heard } = await start()
    const head = `${HEAD}connection: close\r\ncontent-length: ${json.length}\r\n\r\n`
    expect(await raw(port, [head, ...(json.match(/.{1,9}/g) ?? [])])).toContain('202 Accepted')
    expect(await heard()).toBe(1)
  })

  it('that break off never reach the pipeline', async () => {
    const { port, heard } = await start()
    await raw(port, [`${HEAD}content-length: ${json.length}\r\n\r\n`, json.slice(0, 20)], 100)
    await raw(port, [`${HEAD}transfer-encoding: chunked\r\n\r\nff\r\n`, json.slice(0, 20)], 100)
    expect(await heard()).toBe(0)
  })

  it('that are chunked and too large are cut off at the limit', async () => {
    const { url, heard } = await start()
    const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' }
    const posting = request(`${url}/wgrok`, { method: 'POST', headers })
    posting.on('error', () => {})
    const answered = once(posting, 'response')
    for (let sent = 0; sent <= LIMITS.webhookBody; sent += 65_536) posting.write('x'.repeat(65_536))
    posting.end()
    const [response] = await answered
    expect(response.statusCode).toBe(413)
    expect(await heard()).toBe(0)
  })

  it('that never end are cut off, and so are connections that say nothing', async () => {
    const taken: unknown[] = []
    const server = await openHttp({
      host: '127.0.0.1',
      port: 0,
      logger: silent,
      clock: systemClock,
      requestTimeout: 200,
      readiness: () => Promise.reject(new Error('not asked')),
      metrics: { contentType: '', text: async () => '', relayed: () => {} },
      webhook: {
        secret: SECRET,
        post: async posted => {
          taken.push(posted)
          return { outcome: { status: 'accepted' } }
        },
      },
    })
    open.push(server)
    const begun = Date.now()
    const [body, head, idle] = await Promise.all([
      raw(server.port, [`${HEAD}content-length: ${json.length}\r\n\r\n`, json.slice(0, 20)], 20_000),
      raw(server.port, ['POST /wgrok HTTP/1.1\r\nhost: x\r\n'], 20_000),
      raw(server.port, ['GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'], 20_000),
    ])
    expect([body, head]).toEqual([expect.stringContaining('408'), expect.stringContaining('408')])
    expect(idle).toContain('200 OK')
    expect(Date.now() - begun).toBeLessThan(15_000)
    expect(taken).toEqual([])
  }, 30_000)

  it('are not read without the secret', async () => {
    const { port, heard } = await start()
    const head = HEAD.replace(SECRET, 'nope')
    const answer = await raw(port, [`${head}content-length: 1000000\r\n\r\n`], 500)
    expect(answer).toContain('401 Unauthorized')
    expect(await heard()).toBe(0)
  })
})

describe('the rate limit', () => {
  it('answers 429 with Retry-After, per caller', async () => {
    const clock = fakeClock()
    const { post } = await start({}, { clock })
    const statuses = await Promise.all(Array.from({ length: LIMITS.webhookRate + 1 }, () => post(FRAME)))
    const refused = statuses.filter(({ status }) => status === 429)
    expect(refused).toHaveLength(1)
    expect(refused[0]?.body['code']).toBe('rate-limited')
    expect(refused[0]?.headers.get('retry-after')).toBe('1')
    expect((await post({ ...FRAME, from: 'other@example.com' })).status).toBe(202)
    await clock.advance(1_000)
    expect((await post(FRAME)).status).toBe(202)
  })

  it('comes ten times sooner for wrong secrets, and is not a way to guess on', async () => {
    const clock = fakeClock()
    const { post, heard } = await start({}, { clock })
    const guesses = LIMITS.webhookRate / 10
    for (let n = 0; n < guesses; n++) expect((await post(FRAME, { authorization: `Bearer ${n}` })).status).toBe(401)
    expect((await post(FRAME)).status).toBe(429)
    expect(await heard()).toBe(0)
  })
})

describe('request ids', () => {
  it('are taken over when they look like ids, and made otherwise', async () => {
    const { post } = await start()
    expect((await post(FRAME, { 'x-request-id': 'req-1' })).headers.get('x-request-id')).toBe('req-1')
    expect((await post(FRAME, { 'x-request-id': 'a b' })).headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
  })
})

describe('Prefer: wait', () => {
  const ASK = { text: './echo:deploy:ci~abcd1234:-:ready?', from: 'ci@example.com' }

  it('brings the reply to the own frame in the response, and to nobody else', async () => {
    const { webex, post } = await start()
    webex.onSend = ({ message }) => {
      const inbox = message.text.split(':')[1]
      setImmediate(() => void webex.hear({ text: `./echo:${inbox}:deploy:-:yes` }))
    }
    const answer = await post(ASK, { prefer: 'wait=5' })
    expect(answer).toMatchObject({ status: 200, body: { status: 'accepted', replies: ['ci~abcd1234:deploy:-:yes'] } })
    expect(answer.headers.get('preference-applied')).toBe('wait=5')
    expect(webex.texts).toEqual(['deploy:ci~abcd1234:-:ready?'])
  })

  it('collects the chunks of a reply', async () => {
    const { webex, post } = await start()
    webex.onSend = () => {
      setImmediate(async () => {
        for (const n of [2, 1, 3]) await webex.hear({ text: `./echo:ci~abcd1234:deploy:${n}/3:${n}` })
      })
    }
    const { body } = await post(ASK, { prefer: 'respond-async, wait=5' })
    expect(body['replies']).toEqual([2, 1, 3].map(n => `ci~abcd1234:deploy:${n}/3:${n}`))
  })

  it('gives a copy only when the frame answers to a plain slug', async () => {
    const { webex, post } = await start({ routes: { deploy: 'room:Y2lzY29A', ci: 'room:Y2lzY29B' } })
    webex.onSend = ({ message }) => {
      if (message.text.startsWith('deploy:')) setImmediate(() => void webex.hear({ text: './echo:ci:deploy:-:yes' }))
    }
    const { body } = await post({ ...ASK, text: './echo:deploy:ci:-:x' }, { prefer: 'wait=5' })
    expect(body['replies']).toEqual(['ci:deploy:-:yes'])
    await expect.poll(() => webex.texts).toEqual(['deploy:ci:-:x', 'ci:deploy:-:yes'])
  })

  it('brings the answer of an application, also where the caller has no address', async () => {
    const backend = await Backend.open()
    open.push(backend)
    const { post } = await start({ apps: { jira: `${backend.url}/jira` }, routes: {} }, { transports: [] })
    const command = { text: './jira:list', from: 'ci@example.com' }
    expect((await post(command, { prefer: 'wait=5' })).body['replies']).toEqual(['jira:jira:-:got list'])
    expect((await post(command)).body['code']).toBe('target-invalid')
    expect(backend.calls).toHaveLength(1)
  })

  it('ends with 202 when no reply comes in time', async () => {
    const { post } = await start()
    const answer = await post(ASK, { prefer: 'wait=0' })
    expect([answer.status, answer.body['replies']]).toEqual([202, undefined])
  })

  it('does not wait for what was refused', async () => {
    const { post } = await start({ routes: {} }, { transports: [] })
    expect((await post(ASK, { prefer: 'wait=60' })).status).toBe(422)
  })

  it('ends when the router closes', async () => {
    const { router, post } = await start()
    const answer = post(ASK, { prefer: 'wait=60' })
    await expect.poll(async () => (await router.status()).counts.sent).toBe(1)
    await router.close()
    expect((await answer).status).toBe(202)
  })
})

describe('health', () => {
  it('is ready while every account is live and the spool takes messages', async () => {
    const { url } = await start()
    const response = await fetch(`${url}/readyz`)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({
      ready: true,
      state: 'live',
      accounts: [{ name: 'webex-1', state: 'live', lastHeardAt: 0 }],
      spool: { messages: 0, bytes: 0, dead: 0, refusing: null },
    })
  })

  it('is not ready when an account has gone', async () => {
    const gone = new FakeTransport('slack')
    gone.status = async function* () {
      yield { state: 'live', since: 0 }
      yield { state: 'reconnecting', attempt: 1, delayMs: 1 }
    }
    const { url } = await start({}, { transports: [new FakeTransport(), gone] })
    await expect.poll(async () => (await fetch(`${url}/readyz`)).status).toBe(503)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  it('shows metrics without slugs, addresses or content', async () => {
    const { url, webex, post, router } = await start()
    webex.onSend = ({ message }) => {
      if (message.text.endsWith('2')) throw unavailable()
    }
    await post(FRAME)
    await router.pause('room:Y2lzY29TEST')
    await post({ ...FRAME, text: 'hello' })
    await webex.hear({ text: './pause' })
    const response = await fetch(`${url}/metrics`)
    const text = await response.text()
    expect(response.headers.get('content-type')).toContain('text/plain')
    const docs = readFileSync(new URL('../../docs/router.md', import.meta.url), 'utf8')
    const documented = docs.slice(docs.indexOf('## Metrics')).match(/`(?:wgrok|process)_[a-z_]+/g) ?? []
    const names = text.match(/^# HELP (\S+)/gm)?.map(line => line.slice('# HELP '.length))
    expect(names?.sort()).toEqual(documented.map(name => name.slice(1)).sort())
    expect(text).toContain('wgrok_messages_total{outcome="accepted"} 1')
    expect(text).toContain('wgrok_messages_total{outcome="refused"} 1')
    expect(text).toContain('wgrok_held_lanes 3')
    expect(text).toContain('wgrok_account_live{account="webex-1",platform="webex"} 1')
    expect(text).not.toMatch(/deploy|example|room-1|Y2lz/)
  })
})

describe('logs of the endpoint', () => {
  it('hold neither secret nor content', async () => {
    const logger = memoryLogger()
    const { post } = await start({}, { logger })
    await post({ ...FRAME, text: 'top secret' })
    await post({ ...FRAME, from: 'x@evil.example', text: './echo:deploy:ci:-:top secret' })
    await post(FRAME, { authorization: 'Bearer guess' })
    expect(logger.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(2)
    expect(JSON.stringify(logger.lines)).not.toMatch(/top secret|guess|webhook-secret/)
  })
})
