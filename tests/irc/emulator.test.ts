import { afterEach, describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { type IrcBehaviour, type IrcEmulator, startIrcEmulator } from '../../src/testing/irc/emulator.js'
import type { IrcTransport, IrcTransportOptions } from '../../src/transport/irc/transport.js'
import { fakeClock } from '../support/fake-clock.js'
import { channel, follow, listenTo, nick, pass, recorder, sendOptions, transportTo, until } from './support.js'

let emulator: IrcEmulator
const open: IrcTransport[] = []

async function start(behaviour: Partial<IrcBehaviour> = {}): Promise<void> {
  emulator = await startIrcEmulator(behaviour)
}

function make(who: string, channels: string, options: Partial<IrcTransportOptions> = {}): IrcTransport {
  const transport = transportTo(emulator.port, who, channels, options)
  open.push(transport)
  return transport
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(transport => transport.close()))
  await emulator.close()
})

const all = (): readonly string[] => emulator.received.map(({ line }) => line)

describe('registration', () => {
  it('uses the password for SASL PLAIN where it is offered, and for nothing else', async () => {
    await start({ accounts: new Map([['agent', 'pass word']]) })
    await make('agent:pass word', '#wgrok').listen(async () => {})
    expect(emulator.client('agent').account).toBe('agent')
    expect(all().some(line => line.startsWith('PASS'))).toBe(false)
    expect(all().findIndex(line => line.startsWith('AUTHENTICATE'))).toBeLessThan(all().indexOf('CAP END'))
  })

  it.each([298, 299, 300, 600])('splits a SASL response of %i bytes', async bytes => {
    const password = 'p'.repeat(bytes - 'agent\0agent\0'.length)
    await start({ accounts: new Map([['agent', password]]) })
    await make(`agent:${password}`, '#wgrok').listen(async () => {})
    const parts = all()
      .filter(line => line.startsWith('AUTHENTICATE '))
      .slice(1)
    const encoded = Math.ceil(bytes / 3) * 4
    expect(parts).toHaveLength(Math.floor(encoded / 400) + 1)
    expect(emulator.client('agent').account).toBe('agent')
  })

  it.each(['904', '902', '905', '906'])('takes SASL %s for a refusal', async numeric => {
    await start({ saslNumeric: numeric })
    const logger = recorder()
    const transport = make('agent:hush-hush', '#wgrok', { logger })
    const states = follow(transport)
    await expect(transport.listen(async () => {})).rejects.toMatchObject({ code: 'auth-failed', retryable: false })
    await until(() => states.at(-1)?.state === 'failed')
    expect(JSON.stringify(logger.lines)).not.toMatch(/hush|YWdlbnQ/)
    await until(() => emulator.connections === 0)
  })

  it('says who it is by certificate, where SASL EXTERNAL is offered', async () => {
    await start()
    await make('agent', '#wgrok', { tls: { cert: 'unused without TLS' } }).listen(async () => {})
    expect(emulator.client('agent').account).toBe('certified')
    emulator.behaviour.caps.set('sasl', 'PLAIN')
    const refused = make('other', '#wgrok', { tls: { cert: 'unused without TLS' } })
    await expect(refused.listen(async () => {})).rejects.toMatchObject({ code: 'auth-failed' })
  })

  it('sends PASS in front of NICK where there is no SASL, or none with PLAIN', async () => {
    await start({ password: 'right' })
    for (const offered of [undefined, 'EXTERNAL,SCRAM-SHA-256']) {
      emulator.received.length = 0
      if (offered === undefined) emulator.behaviour.caps.delete('sasl')
      else emulator.behaviour.caps.set('sasl', offered)
      const transport = make('agent:right', '#wgrok')
      await transport.listen(async () => {})
      const order = all().map(line => line.split(' ')[0])
      expect(order.indexOf('PASS')).toBeGreaterThan(-1)
      expect(order.indexOf('PASS')).toBeLessThan(order.indexOf('NICK'))
      await transport.close()
    }
    await expect(make('agent:wrong', '#wgrok').listen(async () => {})).rejects.toMatchObject({ code: 'auth-failed' })
  })

  it('asks again for each capability when one of them is refused', async () => {
    await start({ nak: new Set(['server-time']), accounts: new Map([['agent', 'p']]) })
    await make('agent:p', '#wgrok').listen(async () => {})
    const { account, caps } = emulator.client('agent')
    expect(account).toBe('agent')
    expect(caps.has('echo-message') && caps.has('account-tag') && !caps.has('server-time')).toBe(true)
    expect(all().filter(line => line === 'AUTHENTICATE PLAIN')).toHaveLength(1)
  })

  it('reads a list of capabilities that takes several lines', async () => {
    await start({ capsPerLine: 2, accounts: new Map([['agent', 'p']]) })
    await make('agent:p', '#wgrok').listen(async () => {})
    expect(emulator.client('agent').account).toBe('agent')
    expect(emulator.client('agent').caps.has('labeled-response')).toBe(true)
  })

  it.each([false, 'silent'] as const)('works where CAP is unknown (%s)', async cap => {
    await start({ cap, password: 'p' })
    await make('agent:p', '#wgrok', { capTimeout: 30 }).listen(async () => {})
    expect(emulator.nicks).toEqual(['agent'])
  })

  it('answers PING in the middle of it, spaces and all', async () => {
    await start({ pingDuringRegistration: true })
    await make('agent', '#wgrok').listen(async () => {})
    expect(all()).toContain('PONG :regis tration')
  })

  it('gives up on a server that never greets, and tries again', async () => {
    await start({ mute: true })
    const clock = fakeClock()
    const transport = make('agent', '#wgrok', { clock })
    const states = follow(transport)
    const listening = transport.listen(async () => {})
    await pass(clock, () => states.some(({ state }) => state === 'reconnecting'), 5_000)
    expect(states.at(-1)).toMatchObject({ state: 'reconnecting', error: { code: 'timeout' } })
    emulator.behaviour.mute = false
    await pass(clock, () => states.at(-1)?.state === 'live', 1_000)
    await listening
  })
})

describe('nicks', () => {
  it('goes on with nick_1 while a ghost holds its own, and has the services regain it', async () => {
    await start({ accounts: new Map([['agent', 'hush']]), ghostMs: 60_000 })
    const clock = fakeClock()
    const transport = make('agent:hush', '#wgrok', { clock })
    await transport.listen(async () => {})
    emulator.cut('agent')
    await pass(clock, () => emulator.nicks.includes('agent_1'))
    await pass(clock, () => emulator.nicks.includes('agent'))
    expect(all()).toContain('NICKSERV REGAIN agent')
    expect(all().some(line => line.includes('PRIVMSG NickServ'))).toBe(false)
  })

  it('shows the password to nobody but the services where SASL has not', async () => {
    await start({ accounts: new Map([['agent', 'hush']]), ghostMs: 60_000 })
    emulator.behaviour.caps.delete('sasl')
    const clock = fakeClock()
    const transport = make('agent:hush', '#wgrok', { clock })
    await transport.listen(async () => {})
    emulator.cut('agent')
    await pass(clock, () => emulator.received.some(({ line }) => line === 'NICKSERV REGAIN agent hush'))
    await pass(clock, () => emulator.nicks.includes('agent'))
  })

  it('takes its nick when the ghost is gone, without services', async () => {
    await start({ ghostMs: 200 })
    const clock = fakeClock()
    const transport = make('agent', '#wgrok', { clock })
    await transport.listen(async () => {})
    emulator.cut('agent')
    await pass(clock, () => emulator.nicks.includes('agent_1'))
    const own = async (): Promise<void> => void (await pass(clock, () => emulator.nicks.includes('agent')))
    await own()
    expect(all().some(line => line.startsWith('NICKSERV'))).toBe(false)
  })

  it('goes by the nick that the server cut, and shortens one that it refuses', async () => {
    await start({ nickLength: 9 })
    const heard = await listenTo(make('a_very_long_nick', '#wgrok'))
    emulator.say('bob!b@h', 'a_very_lo', 'hello')
    await until(() => heard.length === 1)
    emulator.behaviour.refuseLongNicks = true
    await make('b_very_long_nick', '#wgrok').listen(async () => {})
    expect(emulator.nicks).toEqual(['a_very_lo', 'b_very_lo'])
  })
})

describe('what is heard', () => {
  it('goes by the account where the server tags one, else by nick!user@host', async () => {
    await start()
    const heard = await listenTo(make('router', '#wgrok'))
    emulator.say('bob!b@example.com', '#wgrok', 'one', { account: 'bob', msgid: 'x1' })
    emulator.say('bob!b@example.com', '@#wgrok', 'two')
    emulator.say('eve!e@h', 'router', 'three', { account: 'a@b' })
    emulator.say('router2!e@h', '#wgrok', 'four', { account: '*' })
    await until(() => heard.length === 4)
    expect(heard.map(({ sender }) => sender.principals)).toEqual([
      ['bob@EmuNet'],
      ['bob!b@example.com'],
      ['eve!e@h'],
      ['router2!e@h'],
    ])
    expect(heard.map(({ conversation }) => conversation.id)).toEqual(['#wgrok', '#wgrok', 'eve', '#wgrok'])
    expect(heard[0]?.id).toBe('EmuNet/x1')
    expect(new Set(heard.map(({ id }) => id)).size).toBe(4)
  })

  it('does not believe an account that nobody asked the server to vouch for', async () => {
    await start()
    emulator.behaviour.caps.delete('account-tag')
    const heard = await listenTo(make('router', '#wgrok'))
    emulator.client('router').relay(Buffer.from(':bob!b@h PRIVMSG #wgrok :hi'), {})
    emulator.client('router').write('@account=root :bob!b@h PRIVMSG #wgrok :hi')
    await until(() => heard.length === 2)
    expect(heard.map(({ sender }) => sender.principals[0])).toEqual(['bob!b@h', 'bob!b@h'])
  })

  it('survives nonsense, lines without end, and a netsplit', async () => {
    await start()
    const transport = make('router', '#wgrok')
    const heard = await listenTo(transport)
    const client = emulator.client('router')
    for (const line of [
      ':',
      '@',
      '@a=b',
      ': :',
      'PRIVMSG',
      ':x PRIVMSG',
      'CAP',
      'CAP * NEW',
      ':a!b@c NICK',
      '005',
      '353',
    ])
      client.write(line)
    client.write(`:bob!b@h PRIVMSG #wgrok :${'x'.repeat(40_000)}`)
    client.relay(Buffer.concat([Buffer.from(':bob!b@h PRIVMSG #wgrok :'), Buffer.from([0xc3])]), {})
    emulator.netsplit(['bob!b@h', 'eve!e@h'], '#wgrok')
    emulator.say('bob!b@h', '#wgrok', 'after')
    await until(() => heard.some(({ text }) => text === 'after'))
    expect(heard.map(({ text }) => text)).toEqual(['\ufffd', 'after'])
    await transport.send(channel('#wgrok'), { text: 'still here' }, sendOptions())
  })
})

describe('what is sent', () => {
  it('has the id that the server gave it, and is seen to be whole', async () => {
    await start()
    const transport = make('router', '#wgrok')
    await transport.listen(async () => {})
    const receipt = await transport.send(channel('#wgrok'), { text: 'hi' }, sendOptions())
    expect(receipt).toEqual({ messageId: 'EmuNet/m0', platformResponse: null })
    // The server relays less than it should: a proxy or an old server on the way.
    emulator.behaviour.lineMax = 100
    const cut = transport.send(channel('#wgrok'), { text: 'ä'.repeat(100) }, sendOptions())
    await expect(cut).rejects.toMatchObject({ code: 'frame-too-large' })
  })

  it.each(['labeled-response', 'echo-message'])('gets its receipt without %s', async missing => {
    await start()
    emulator.behaviour.caps.delete(missing)
    const transport = make('agent', '#wgrok', { confirmMs: 60_000 })
    await transport.listen(async () => {})
    const sent = ['a', 'b', 'c'].map(text => transport.send(channel('#wgrok'), { text }, sendOptions()))
    expect(new Set((await Promise.all(sent)).map(({ messageId }) => messageId)).size).toBe(3)
  })

  it.each([
    ['401', 'target-not-found'],
    ['403', 'target-not-found'],
    ['404', 'forbidden'],
    ['407', 'target-invalid'],
    ['412', 'platform-rejected'],
    ['417', 'frame-too-large'],
    ['477', 'forbidden'],
    ['263', 'rate-limited'],
  ] as const)('fails on %s with %s, labels or none', async (numeric, code) => {
    await start({ messageNumerics: new Map([['bob', numeric]]) })
    for (const name of ['one', 'two']) {
      const transport = make(name, '#wgrok', { confirmMs: 5_000 })
      await transport.listen(async () => {})
      await expect(transport.send(nick('bob'), { text: 'x' }, sendOptions())).rejects.toMatchObject({ code })
      for (const cap of ['labeled-response', 'echo-message']) emulator.behaviour.caps.delete(cap)
    }
  })

  it.each([
    ['403', 'target-not-found', false],
    ['471', 'forbidden', true],
    ['473', 'forbidden', false],
    ['474', 'forbidden', false],
    ['475', 'forbidden', false],
    ['477', 'forbidden', false],
  ] as const)('fails on a JOIN that ends with %s', async (numeric, code, retryable) => {
    await start({ joinNumerics: new Map([['#closed', numeric]]) })
    const transport = make('agent', '#wgrok,#closed')
    await transport.listen(async () => {})
    const sent = transport.send(channel('#closed'), { text: 'x' }, sendOptions())
    await expect(sent).rejects.toMatchObject({ code, retryable })
  })

  it('does not follow to a channel that nobody named', async () => {
    await start({ forwards: new Map([['#wgrok', '##overflow']]) })
    const transport = make('agent', '#wgrok,#other')
    await transport.listen(async () => {})
    await expect(transport.send(channel('#wgrok'), { text: 'secret' }, sendOptions())).rejects.toMatchObject({
      code: 'forbidden',
    })
    await until(() => all().includes('PART ##overflow'))
    expect(emulator.messages).toEqual([])
  })

  it('follows its own mask: CHGHOST, 396 and NICK change the limit', async () => {
    await start()
    const transport = make('agent', '#wgrok')
    await transport.listen(async () => {})
    const before = transport.limit.size
    emulator.rehost('agent', 'u', 'a.much.longer.cloaked.host.example')
    await until(() => transport.limit.size < before)
    const mask = (): number => Buffer.byteLength(emulator.client('agent').mask)
    const budget = (): number => 510 - mask() - ': PRIVMSG #wgrok :'.length
    expect(transport.limit.size).toBe(budget())
    emulator.client('agent').caps.delete('chghost')
    emulator.rehost('agent', '~user', 'short')
    await until(() => transport.limit.size === budget())
    const text = 'x'.repeat(budget())
    await transport.send(channel('#wgrok'), { text }, sendOptions())
    expect(emulator.messages.at(-1)?.text).toHaveLength(budget())
  })

  it('leaves room for the mask of a router that is in the channel of a peer', async () => {
    await start({ host: 'the.very.long.host.name.of.the.router.example' })
    await make('router', '#wgrok').listen(async () => {})
    emulator.behaviour.host = 'short'
    const peer = make('peer', '#wgrok', { role: 'peer' })
    await peer.listen(async () => {})
    const router = 510 - Buffer.byteLength(emulator.client('router').mask) - ': PRIVMSG #wgrok :'.length
    expect(peer.limit.size).toBe(router + './echo:'.length)
  })

  it('keeps the pace that the server asks for, PONG excepted', async () => {
    await start({ flood: { burst: 10, perSecond: 0 } })
    const clock = fakeClock()
    const transport = make('agent', '#wgrok', { clock, flood: {} })
    await transport.listen(async () => {})
    const sent = Array.from({ length: 8 }, (_, i) =>
      transport.send(channel('#wgrok'), { text: String(i) }, sendOptions()),
    )
    emulator.behaviour.flood = undefined
    await until(() => emulator.messages.length === 3)
    expect(transport.queued).toBe(5)
    emulator.client('agent').write('PING :now')
    await until(() => all().includes('PONG :now'))
    const took = await pass(clock, () => emulator.messages.length === 8)
    expect(took).toBeGreaterThanOrEqual(9_000)
    expect(took).toBeLessThanOrEqual(11_000)
    await Promise.all(sent)
    expect(emulator.messages.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7'])
  })

  it('is refused when too many wait', async () => {
    await start()
    const clock = fakeClock()
    const transport = make('agent', '#wgrok', { clock, flood: { max: 2 } })
    await transport.listen(async () => {})
    const sent = Array.from({ length: 7 }, () => transport.send(channel('#wgrok'), { text: 'x' }, sendOptions()))
    const results = Promise.allSettled(sent)
    await pass(clock, () => emulator.messages.length === 5)
    const refused = (await results).filter(result => result.status === 'rejected')
    expect(refused.map(({ reason }) => reason)).toMatchObject([
      { code: 'rate-limited', retryAfterMs: 2_000 },
      { code: 'rate-limited', retryAfterMs: 2_000 },
    ])
  })
})

describe('a connection that goes', () => {
  it('for Excess Flood is opened again, but not soon', async () => {
    await start({ flood: { burst: 8, perSecond: 0 } })
    const clock = fakeClock()
    const transport = make('agent', '#wgrok', { clock })
    const states = follow(transport)
    await transport.listen(async () => {})
    const sent = Array.from({ length: 12 }, () => transport.send(channel('#wgrok'), { text: 'x' }, sendOptions()))
    const results = await Promise.allSettled(sent)
    expect(results.some(({ status }) => status === 'rejected')).toBe(true)
    for (const result of results) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ code: 'connection-lost', retryable: true })
    }
    await until(() => states.at(-1)?.state === 'reconnecting')
    expect(states.at(-1)).toMatchObject({ error: { code: 'rate-limited' }, delayMs: 60_000 })
    emulator.behaviour.flood = undefined
    await pass(clock, () => states.at(-1)?.state === 'live', 5_000)
  })

  it('is noticed by its silence: stale first, then dead', async () => {
    await start()
    const clock = fakeClock()
    const transport = make('agent', '#wgrok', { clock })
    const states = follow(transport)
    await transport.listen(async () => {})
    await pass(clock, () => all().filter(line => line.startsWith('PING :wgrok-')).length >= 3, 5_000)
    expect(states.at(-1)?.state).toBe('live')
    emulator.behaviour.mute = true
    const silent = await pass(clock, () => states.at(-1)?.state === 'stale', 5_000)
    expect(silent).toBeGreaterThanOrEqual(60_000)
    await pass(clock, () => states.at(-1)?.state === 'reconnecting', 5_000)
    expect(states.at(-1)).toMatchObject({ error: { code: 'connection-lost' } })
    emulator.behaviour.mute = false
    await pass(clock, () => states.at(-1)?.state === 'live', 1_000)
  })

  it('comes back into its channels, waits longer each time, and leaves nothing behind', async () => {
    await start()
    const clock = fakeClock()
    const transport = make('agent', '#a,#b', { clock, random: () => 0.99 })
    const heard = await listenTo(transport)
    const states = follow(transport)
    const delays: number[] = []
    for (let round = 0; round < 4; round++) {
      emulator.cut('agent')
      await until(() => states.at(-1)?.state === 'reconnecting')
      const last = states.at(-1)
      delays.push(last?.state === 'reconnecting' ? last.delayMs : 0)
      await pass(clock, () => states.at(-1)?.state === 'live', 1_000)
      emulator.say('bob!b@h', '#b', `round ${round}`)
      await until(() => heard.length === round + 1)
    }
    expect(delays).toEqual([...delays].sort((a, b) => a - b))
    expect(delays[3]).toBeGreaterThan(30_000)
    await transport.close()
    expect([emulator.connections, clock.pending]).toEqual([0, 0])
  })

  it('does not hang on close, whatever it is doing', async () => {
    await start({ mute: true })
    for (const mute of [true, false]) {
      emulator.behaviour.mute = mute
      const transport = make(`agent${mute}`, '#wgrok')
      const listening = transport
        .listen(async () => {})
        .then(
          () => 'live' as const,
          error => WgrokError.from(error),
        )
      await until(() => emulator.connections > 0)
      await transport.close()
      // Without the silence it may have been live already.
      const ended = await listening
      expect(ended === 'live' || ended.code === 'closed').toBe(true)
      await expect(transport.send(channel('#wgrok'), { text: 'x' }, sendOptions())).rejects.toMatchObject({
        code: 'closed',
      })
      await until(() => emulator.connections === 0)
    }
  })

  it('calls a send off when told to', async () => {
    await start({ mute: true })
    const called = new AbortController()
    const sent = make('agent', '#wgrok').send(channel('#wgrok'), { text: 'x' }, sendOptions(called.signal))
    called.abort()
    await expect(sent).rejects.toMatchObject({ code: 'aborted' })
  })
})
