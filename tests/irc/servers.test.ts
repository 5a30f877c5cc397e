import { createHash, randomBytes } from 'node:crypto'
import net from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { decode } from '../../src/codec/decode.js'
import { encode } from '../../src/codec/encode.js'
import { keyRing } from '../../src/codec/keys.js'
import { Reassembler } from '../../src/codec/reassembler.js'
import { readFlags } from '../../src/frame/flags.js'
import { responseFrame } from '../../src/frame/frame.js'
import type { IrcTransport, IrcTransportOptions } from '../../src/transport/irc/transport.js'
import type { InboundMessage } from '../../src/transport/transport.js'
import { type IrcServer, ircServerKinds } from './servers.js'
import { channel, follow, listenTo, nick, recorder, sendOptions, transportTo, until } from './support.js'

const kinds = await ircServerKinds()

for (const kind of kinds) {
  const title = kind.missing === undefined ? `on ${kind.name}` : `on ${kind.name} (${kind.missing})`
  describe.skipIf(kind.missing !== undefined)(title, () => {
    let server: IrcServer
    const open: { close(): Promise<void> }[] = []

    function make(who: string, channels: string, options: Partial<IrcTransportOptions> = {}): IrcTransport {
      const transport = transportTo(server.port, who, channels, options)
      open.push(transport)
      return transport
    }

    /** A client without any comfort: it shows what the server says. */
    async function bare(name: string): Promise<{ readonly lines: string[]; write(line: string): void }> {
      const socket = net.connect(server.port, '127.0.0.1')
      const lines: string[] = []
      let rest = ''
      socket.setEncoding('latin1')
      socket.on('data', (chunk: string) => {
        const parts = (rest + chunk).split('\r\n')
        rest = parts.pop() ?? ''
        for (const line of parts) {
          if (line.startsWith('PING')) socket.write(`PONG${line.slice(4)}\r\n`)
          lines.push(line)
        }
      })
      socket.on('error', () => {})
      open.push({ close: async () => void socket.destroy() })
      const write = (line: string): void => void socket.write(`${line}\r\n`)
      write(`NICK ${name}`)
      write(`USER ${name} 0 * :${name}`)
      await until(() => lines.some(line => / (376|422) /.test(line)))
      return { lines, write }
    }

    beforeAll(async () => {
      server = await kind.start()
    })
    afterEach(async () => {
      await Promise.all(open.splice(0).map(one => one.close()))
    })
    afterAll(() => server.stop())

    it('carries messages to a channel and to a nick', async () => {
      const router = make('router', '#wgrok,#other')
      const agent = make('agent', '#wgrok')
      const heard = await listenTo(router)
      const answers = await listenTo(agent)
      await agent.send(channel('#wgrok'), { text: './echo:a:b:-: hello  :world' }, sendOptions())
      await until(() => heard.length === 1)
      expect(heard[0]).toMatchObject({
        platform: 'irc',
        text: './echo:a:b:-: hello  :world',
        conversation: { platform: 'irc', kind: 'channel', id: '#wgrok' },
      })
      expect(heard[0]?.sender.principals[0]).toMatch(/^agent!.*wgrok@127\.0\.0\.1$/)
      await router.send(nick('AGENT'), { text: ':a:b:-:käse' }, sendOptions())
      await until(() => answers.length === 1)
      expect(answers[0]).toMatchObject({ text: ':a:b:-:käse', conversation: { kind: 'nick', id: 'router' } })
      expect(heard).toHaveLength(1)
    })

    it('hears no notice, no CTCP and not itself', async () => {
      const router = make('router', '#wgrok')
      const heard = await listenTo(router)
      const other = await bare('other')
      other.write('JOIN #wgrok')
      other.write('NOTICE router :notice')
      other.write('PRIVMSG router :\u0001VERSION\u0001')
      other.write('PRIVMSG #wgrok :\u0001ACTION waves\u0001')
      other.write('PRIVMSG router :real')
      await router.send(channel('#wgrok'), { text: 'own' }, sendOptions())
      await until(() => heard.length > 0 && other.lines.some(line => line.endsWith(' :own')))
      expect(heard.map(({ text }) => text)).toEqual(['real'])
      expect(new Set(heard.map(({ id }) => id)).size).toBe(1)
      expect(other.lines.filter(line => line.includes('VERSION'))).toEqual([])
    })

    it('fills a line to the last byte, and not one byte more', async () => {
      const sender = make('sender', '#wgrok')
      const receiver = make('receiver', '#wgrok')
      expect(sender.limit.size).toBe(320)
      const heard = await listenTo(receiver)
      await sender.listen(async () => {})
      const other = await bare('witness')
      other.write('JOIN #wgrok')
      await until(() => other.lines.some(line => line.includes(' 366 ')))
      const { size } = sender.limit
      expect(size).toBeGreaterThan(440)
      for (const text of ['x'.repeat(size), `${'ä'.repeat(Math.floor(size / 2))}${size % 2 === 1 ? 'x' : ''}`]) {
        heard.length = 0
        await sender.send(channel('#wgrok'), { text }, sendOptions())
        await until(() => heard.length === 1)
        expect(heard[0]?.text).toBe(text)
      }
      await until(() => other.lines.filter(line => line.includes(' PRIVMSG ')).length === 2)
      for (const line of other.lines.filter(line => line.includes(' PRIVMSG '))) expect(line).toHaveLength(510)
      await expect(sender.send(channel('#wgrok'), { text: 'x'.repeat(size + 1) }, sendOptions())).rejects.toMatchObject(
        { code: 'frame-too-large', retryable: false },
      )
    })

    it('knows the target: a longer name leaves less room', async () => {
      const sender = make('sender', '#wgrok')
      const reader = make('a_long_nick_of_20_xx', '#wgrok')
      const heard = await listenTo(reader)
      await sender.listen(async () => {})
      const { size } = sender.limit
      const text = 'x'.repeat(size)
      await expect(sender.send(nick('a_long_nick_of_20_xx'), { text }, sendOptions())).rejects.toMatchObject({
        code: 'frame-too-large',
      })
      const shorter = sender.limit.size
      expect(shorter).toBe(size - ('a_long_nick_of_20_xx'.length - '#wgrok'.length))
      await sender.send(nick('a_long_nick_of_20_xx'), { text: 'y'.repeat(shorter) }, sendOptions())
      await until(() => heard.length === 1)
      expect(heard[0]?.text).toHaveLength(shorter)
    })

    it('takes 64 KiB of random UTF-8 with ze, byte for byte', async () => {
      const sender = make('sender', '#bulk')
      const receiver = make('receiver', '#bulk')
      const heard = await listenTo(receiver)
      await sender.listen(async () => {})
      const payload = randomUtf8(64 * 1024)
      const keys = keyRing([randomBytes(32).toString('base64')])
      const limit = sender.limit
      const { frames } = await encode(payload, {
        to: 'deploy',
        from: 'ci',
        envelope: 'response',
        limit,
        compress: 'always',
        maxChunks: 100_000,
        ...(keys === undefined ? {} : { keys }),
      })
      const started = performance.now()
      await Promise.all(frames.map(text => sender.send(channel('#bulk'), { text }, sendOptions())))
      await until(() => heard.length === frames.length, 30_000)
      const took = performance.now() - started
      const sizes = frames.map(frame => Buffer.byteLength(frame))
      expect(sizes.filter(size => size > limit.size)).toEqual([])
      const fill = Math.min(...sizes.slice(0, -1)) / limit.size
      expect(fill).toBeGreaterThanOrEqual(0.98)
      const result = await join(heard, keys)
      const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
      expect(hash(result)).toBe(hash(payload))
      process.stdout.write(
        `${kind.name}: 64 KiB in ${frames.length} frames of ${limit.size} bytes, fullest use ${(fill * 100).toFixed(2)} % at least, ${took.toFixed(0)} ms\n`,
      )
    })

    it('gives every failure a listed code, and a WARN without payload', async () => {
      const logger = recorder()
      const sender = make('sender', '#wgrok', { logger, confirmMs: 2_000 })
      await sender.listen(async () => {})
      const op = await bare('op')
      op.write('JOIN #banned')
      op.write('MODE #banned +b sender!*@*')
      op.write('JOIN #keyed')
      op.write('MODE #keyed +k key')
      op.write('JOIN #full')
      op.write('MODE #full +l 1')
      op.write('JOIN #inviteonly')
      op.write('MODE #inviteonly +i')
      op.write('JOIN #quiet')
      op.write('MODE #quiet +m')
      op.write('PING :done')
      await until(() => op.lines.some(line => line.includes('PONG')))
      for (const [to, code, retryable] of [
        [nick('nobody'), 'target-not-found', false],
        [channel('#banned'), 'forbidden', false],
        [channel('#keyed'), 'forbidden', false],
        [channel('#full'), 'forbidden', true],
        [channel('#inviteonly'), 'forbidden', false],
        [channel('#quiet'), 'forbidden', false],
        [channel('#bad name'), 'target-invalid', false],
        [{ platform: 'slack', kind: 'channel', id: 'C1' } as const, 'target-invalid', false],
      ] as const) {
        const sent = sender.send(to, { text: 'hush-hush' }, sendOptions())
        await expect(sent, to.id).rejects.toMatchObject({ code, retryable })
      }
      for (const text of ['a\nb', 'a\rb', 'a\0b', '', '\u0001VERSION\u0001']) {
        const sent = sender.send(channel('#wgrok'), { text }, sendOptions())
        await expect(sent).rejects.toMatchObject({ code: 'payload-invalid' })
      }
      expect(logger.lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(8)
      expect(JSON.stringify(logger.lines)).not.toContain('hush')
    })

    it('joins again after a kick, and the send that waits for it arrives', async () => {
      const op = await bare('op')
      op.write('JOIN #kicks')
      op.write('MODE #kicks +n')
      await until(() => op.lines.some(line => line.includes(' 366 ')))
      const agent = make('agent', '#kicks')
      await agent.listen(async () => {})
      op.write('KICK #kicks agent :out')
      await until(() => op.lines.some(line => line.includes(' KICK ')))
      await agent.send(channel('#kicks'), { text: 'back' }, sendOptions())
      await until(() => op.lines.some(line => line.endsWith('PRIVMSG #kicks :back')))
      expect(op.lines.filter(line => line.includes(':agent!') && line.includes(' JOIN '))).toHaveLength(2)
    })

    it('takes another nick while its own is in use, and its own when it is free', async () => {
      const ghost = await bare('agent')
      const watcher = await bare('watcher')
      watcher.write('JOIN #nicks')
      ghost.write('JOIN #nicks')
      const agent = make('agent', '#nicks')
      await agent.listen(async () => {})
      await until(() => watcher.lines.some(line => line.startsWith(':agent_1!')))
      ghost.write('QUIT')
      await until(() => watcher.lines.some(line => /^:agent_1!\S+ NICK :?agent$/.test(line)))
      const { size } = agent.limit
      await agent.send(channel('#nicks'), { text: 'x'.repeat(size) }, sendOptions())
      await until(() => watcher.lines.some(line => line.includes('PRIVMSG')))
      expect(watcher.lines.find(line => line.includes('PRIVMSG'))).toHaveLength(510)
    })

    it('takes the nick that the server gives, when it allows shorter ones only', async () => {
      const watcher = await bare('watcher')
      watcher.write('JOIN #nicks')
      const agent = make('a_nick_that_is_much_longer_than_twenty', '#nicks')
      await agent.listen(async () => {})
      await until(() => watcher.lines.some(line => / JOIN :?#nicks/.test(line) && line.startsWith(':a_nick')))
    })

    it('fails at once when every channel refuses it', async () => {
      const op = await bare('op')
      op.write('JOIN #closed')
      op.write('MODE #closed +i')
      await until(() => op.lines.some(line => /MODE #closed :?\+i/.test(line)))
      const agent = make('agent', '#closed')
      const states = follow(agent)
      await expect(agent.listen(async () => {})).rejects.toMatchObject({ code: 'forbidden' })
      await until(() => states.at(-1)?.state === 'failed')
    })

    it('uses the password for PASS, in front of NICK, and tells a wrong one', async () => {
      const locked = await kind.start({ password: 'right' })
      open.push({ close: () => locked.stop() })
      const logger = recorder()
      const good = transportTo(locked.port, 'agent:right', '#wgrok')
      const bad = transportTo(locked.port, 'other:wrong-hush', '#wgrok', { logger })
      open.unshift(good, bad)
      await good.listen(async () => {})
      await expect(bad.listen(async () => {})).rejects.toMatchObject({ code: 'auth-failed' })
      await expect(bad.send(channel('#wgrok'), { text: 'x' }, sendOptions())).rejects.toMatchObject({
        code: 'auth-failed',
      })
      expect(JSON.stringify(logger.lines)).not.toContain('hush')
      expect(logger.lines.some(({ level }) => level === 'error' || level === 'warn')).toBe(true)
    })
  })
}

/** Text of about `bytes` bytes whose characters have one to four bytes each. */
function randomUtf8(bytes: number): string {
  const ranges = [
    [0x20, 0x7e],
    [0xa1, 0x7ff],
    [0x800, 0xd7ff],
    [0x10000, 0x10ffff],
  ] as const
  let text = ''
  let size = 0
  while (size < bytes) {
    const [low, high] = ranges[Math.floor(Math.random() * ranges.length)] ?? [0x20, 0x7e]
    const char = String.fromCodePoint(low + Math.floor(Math.random() * (high - low + 1)))
    text += char
    size += Buffer.byteLength(char)
  }
  return text
}

async function join(heard: readonly InboundMessage[], keys: ReturnType<typeof keyRing>): Promise<string> {
  const reassembler = new Reassembler({ maxChunks: 100_000 })
  try {
    for (const message of heard) {
      const frame = responseFrame(message.text)
      const flags = readFlags(frame.flags)
      const { compressed, encrypted, chunk } = flags
      if (chunk === undefined) throw new Error('not chunked')
      const key = {
        platform: 'irc' as const,
        conversation: message.conversation.id,
        sender: message.sender.principals[0] ?? '',
        to: frame.to,
        from: frame.from,
        compressed,
        encrypted,
      }
      const whole = reassembler.accept(key, chunk, frame.payload)
      if (whole !== undefined) return await decode(whole, flags, keys === undefined ? {} : { keys })
    }
  } finally {
    reassembler.close()
  }
  throw new Error('incomplete')
}
