import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { BridgeMessage } from '../../generated/models.js'
import type { BridgeServer } from '../../src/bridge/server.js'
import { later, serve, until } from './support.js'

const ADAPTERS = fileURLToPath(new URL('../../examples/adapters/', import.meta.url))
const PATHS = fileURLToPath(new URL('adapters.tsconfig.json', import.meta.url))
const hasPython = spawnSync('python3', ['--version']).status === 0

interface Running {
  readonly child: ChildProcess
  readonly out: () => string
  readonly err: () => string
  readonly exit: Promise<number | null>
}

function start(command: string, args: string[], url: string, token = 'secret'): Running {
  const child = spawn(command, args, {
    env: { ...process.env, WGROK_TOKEN: url.replace('ws://', `ws://terminal:${token}@`), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: 'pipe',
  })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    out += chunk
  })
  child.stderr.setEncoding('utf8').on('data', chunk => {
    err += chunk
  })
  later({ close: () => child.kill('SIGKILL') })
  return { child, out: () => out, err: () => err, exit: new Promise(resolve => child.once('close', resolve)) }
}

const python = (url: string, token?: string): Running => start('python3', [`${ADAPTERS}python/adapter.py`], url, token)
const typescript = (url: string, token?: string): Running =>
  start(process.execPath, ['--import', 'tsx', `${ADAPTERS}typescript/adapter.ts`], url, token)

function describeAdapter(name: string, run: (url: string, token?: string) => Running, skip = false): void {
  describe.skipIf(skip)(`the ${name} adapter`, () => {
    it('carries messages, replies, events and streams, and comes back after a drop', async () => {
      const messages: BridgeMessage[] = []
      const statuses: unknown[] = []
      const { server, url } = await serve({ tokens: ['terminal:secret'] })
      server
        .onMessage(async (message, session) => {
          messages.push(message)
          if (message.content !== 'stream') return `you said ${message.content}`
          await session.typing()
          const stream = session.stream()
          await stream.write('Hel')
          await stream.write('lo 🙂')
          await stream.end()
          return undefined
        })
        .onReply(reply => void statuses.push([reply.status, reply.task_id, reply.session_key]))
      const adapter = run(url)
      await until(() => adapter.err().includes('connected'), 15_000)
      const say = (line: string): boolean | undefined => adapter.child.stdin?.write(`${line}\n`)

      say('ann: grüße 🙂')
      await until(() => adapter.out().includes('bot: you said grüße 🙂\n'))
      expect(messages[0]).toMatchObject({
        type: 'message',
        platform: 'terminal',
        session_key: 'terminal:lobby',
        metadata: { user_id: 'ann', room_id: 'lobby', platform: 'terminal' },
      })
      say('ann: stream')
      await until(() => adapter.out().includes('bot is typing\nbot: Hello 🙂\n'))
      await server.send('terminal', { session_key: 'terminal:lobby', content: 'x'.repeat(70_000), task_id: 't-1' })
      await until(() => statuses.length === 1)
      expect(statuses).toEqual([['delivered', 't-1', 'terminal:lobby']])
      expect(adapter.out()).toContain(`bot: ${'x'.repeat(70_000)}\n`)

      await dropped(server, adapter)
      say(`bob: ${'y'.repeat(70_000)}`)
      await until(() => messages.length === 3)
      expect(messages[2]).toMatchObject({ content: 'y'.repeat(70_000), metadata: { user_id: 'bob' } })
      adapter.child.stdin?.end()
      expect(await adapter.exit).toBe(0)
    }, 40_000)

    it('ends when its token is refused', async () => {
      const { url } = await serve({ tokens: ['terminal:secret'] })
      const adapter = run(url, 'wrong')
      adapter.child.stdin?.write('ann: hi\n')
      expect(await adapter.exit).not.toBe(0)
      expect(adapter.err()).not.toContain('wrong')
    }, 40_000)
  })
}

async function dropped(server: BridgeServer, adapter: Running): Promise<void> {
  server.dropConnections()
  await until(() => adapter.err().includes('disconnected'))
  await until(() => (server.platforms()[0]?.connections ?? 0) === 1, 15_000)
}

process.env['TSX_TSCONFIG_PATH'] = PATHS

describeAdapter('TypeScript', typescript)
describeAdapter('Python', python, !hasPython)
