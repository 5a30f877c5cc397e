import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt, ROOT, type Running, run, start, startCommand } from './run.js'

const folder = mkdtempSync(join(tmpdir(), 'wgrok-up-'))
const running: Running[] = []

beforeAll(ensureBuilt)
afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL')
  await Promise.allSettled(running.splice(0).map(({ ended }) => ended))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function up(...args: string[]): Promise<Running> {
  const router = start(['up', '--state', join(folder, 'state'), ...args], { cwd: folder })
  running.push(router)
  await router.until(/Ctrl-C ends|"send"/)
  return router
}

function shell(command: string, cwd = folder): Running {
  const child = startCommand('/bin/sh', ['-c', command], { cwd })
  running.push(child)
  return child
}

function printedCommands(text: string): { readonly receive: string; readonly send: string } {
  const [receive = '', send = ''] = text.split('\n').filter(line => line.startsWith('  WGROK_'))
  return { receive, send }
}

describe('wgrok up --once', () => {
  it('carries three payloads through router and WebSockets, unchanged', async () => {
    const { code, stderr, stdout } = await run(['up', '--once'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^short text, 11 bytes\n {2}sender > router .*flags -$/m)
    expect(stdout).toMatch(/65,536 bytes\n {2}sender > router .*flags ze/)
    expect(stdout).toMatch(/flags 1\/3 \.\.\. 3\/3/)
    expect(stdout.match(/^ {2}identical, /gm)).toHaveLength(3)
    expect(stdout).toMatch(/3 of 3 payloads arrived unchanged\n$/)
    expect(code).toBe(0)
  })

  it('prints one object per payload with --json', async () => {
    const { code, stdout } = await run(['up', '--once', '--json'])
    const outcomes = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(outcomes.map(({ identical }) => identical)).toEqual([true, true, true])
    expect(outcomes[2].hops.map(({ frames }: { frames: number }) => frames)).toEqual([3, 3])
    expect(code).toBe(0)
  })
})

describe.skipIf(process.platform === 'win32')('wgrok up', () => {
  it('prints commands that work as printed, and ends cleanly on Ctrl-C', async () => {
    const router = await up('--port', '0')
    const commands = printedCommands(router.stdout())
    const receiver = shell(`exec ${commands.receive.trim().replace(/^/, 'env ')}`)
    await receiver.until(/listening as demo on bridge/)
    const sender = await shell(commands.send).ended
    expect(sender).toEqual({ code: 0, stdout: 'sent 1 frame to demo\n', stderr: '' })
    await receiver.until(/hello world/)
    expect(receiver.stdout()).toBe('demo: hello world\n')
    receiver.child.kill('SIGINT')
    expect((await receiver.ended).code).toBe(0)
    router.child.kill('SIGINT')
    const { code, stderr, stdout } = await router.ended
    expect(stdout).toMatch(/closed\n$/)
    expect(stderr).toBe('')
    expect(code).toBe(0)
  })

  it('prints commands that work in the folder of a clone', async () => {
    const router = start(['up', '--port', '0', '--state', join(folder, 'clone')], { cwd: ROOT })
    running.push(router)
    await router.until(/Ctrl-C ends/)
    expect(router.stdout()).toContain(' node bin/wgrok.js send ')
    expect((await shell(printedCommands(router.stdout()).send, ROOT).ended).code).toBe(0)
  })

  it('keeps its token, so that yesterday’s commands work today', async () => {
    const first = await up('--port', '0', '--json')
    first.child.kill('SIGTERM')
    expect((await first.ended).code).toBe(0)
    const second = await up('--port', '0', '--json')
    const token = readFileSync(join(folder, 'state', 'token'), 'utf8').trim()
    expect(JSON.parse(first.stdout()).send).toContain(token)
    expect(JSON.parse(second.stdout()).send).toContain(token)
  })

  it('takes another port when its own is taken, and says so', async () => {
    const other: Server = createServer()
    const port = await new Promise<number>(resolve =>
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
    )
    try {
      const router = await up('--port', String(port))
      expect(router.stdout()).toContain(`Port ${port} is taken`)
      expect(router.stdout()).not.toContain(`127.0.0.1:${port}`)
    } finally {
      other.close()
    }
  })

  it('lets nobody in without the token', async () => {
    const router = await up('--port', '0', '--json')
    const { bridge } = JSON.parse(router.stdout())
    const { code, stderr } = await run(['send', 'x', '--timeout', '10'], {
      env: { WGROK_PLATFORM: 'bridge', WGROK_TOKEN: bridge.replace('ws://', 'ws://agents:wrong@'), WGROK_SLUG: 'demo' },
    })
    expect(stderr).toContain('wgrok: [auth-failed]')
    expect(stderr).not.toContain('wrong@')
    expect(code).toBe(3)
  })
})
