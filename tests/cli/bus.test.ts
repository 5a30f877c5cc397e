import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt, type Running, run, start } from './run.js'

const TOKEN = 'test-token-of-the-agents'
const KEY = randomBytes(32).toString('base64')
const folder = mkdtempSync(join(tmpdir(), 'wgrok-bus-'))
const running: Running[] = []
let router: Running
let env: Record<string, string>

function background(args: readonly string[], options: Parameters<typeof start>[1] = {}): Running {
  const child = start(args, { cwd: folder, env, ...options })
  running.push(child)
  return child
}

beforeAll(async () => {
  ensureBuilt()
  writeFileSync(
    join(folder, 'router.env'),
    `WGROK_DOMAINS=agents.bridge\nWGROK_BRIDGE_TOKENS=agents:${TOKEN}\nWGROK_BRIDGE_PORT=0\n`,
  )
  router = start(['router', '--env-file', join(folder, 'router.env'), '--json'], { limit: 300_000 })
  const line = await router.until(/\}\n/)
  const host = new URL(JSON.parse(line).bridge).host
  env = {
    WGROK_PLATFORM: 'bridge',
    WGROK_TOKEN: `ws://agents:${TOKEN}@${host}`,
    WGROK_SLUG: 'demo',
    WGROK_DOMAINS: 'agents.bridge',
  }
})
afterEach(async () => {
  for (const { child } of running) child.kill('SIGKILL')
  await Promise.allSettled(running.splice(0).map(({ ended }) => ended))
})
afterAll(async () => {
  router.child.kill('SIGTERM')
  const { code, stderr } = await router.ended
  rmSync(folder, { recursive: true })
  expect(stderr).toBe('')
  expect(code).toBe(0)
})

async function listen(...args: string[]): Promise<Running> {
  const receiver = background(['receive', ...args])
  await receiver.until(/listening as/)
  return receiver
}

describe('wgrok send and wgrok receive', () => {
  it('carry payloads verbatim from stdin, encrypted and in chunks', async () => {
    env = { ...env, WGROK_ENCRYPT_KEY: KEY }
    const receiver = await listen('--count', '1', '--json')
    const payload = `${'ü🚀:'.repeat(40_000)}\n`
    const sent = await run(['send', '--compress', 'never', '--json'], { env, stdin: payload })
    expect(sent.stderr).toBe('')
    expect(JSON.parse(sent.stdout)).toMatchObject({ buffered: false, messageIds: { length: 6 } })
    const { code, stdout } = await receiver.ended
    expect(JSON.parse(stdout)).toMatchObject({
      slug: 'demo',
      from: 'demo',
      payload,
      cards: [],
      context: { platform: 'bridge', messageId: expect.any(String), sender: 'wgrok@agents.bridge' },
    })
    expect(code).toBe(0)
    delete env['WGROK_ENCRYPT_KEY']
  })

  it('address one slug with --to and --from', async () => {
    const receiver = await listen('--slug', 'deploy', '--count', '1')
    await run(['send', 'not for deploy'], { env })
    const { WGROK_SLUG: _, ...anonymous } = env
    await run(['send', '--to', 'deploy', 'a:b'], { env: anonymous })
    expect((await receiver.ended).stdout).toBe('-: a:b\n')
    const named = await listen('--slug', 'deploy', '--count', '1')
    await run(['send', '--to', 'deploy', '--from', 'ci', 'c'], { env })
    expect((await named.ended).stdout).toBe('ci: c\n')
  })

  it('end with --count at exactly that many messages', async () => {
    const receiver = await listen('--count', '2')
    for (const text of ['one', 'two', 'three']) await run(['send', text], { env })
    const { code, stdout } = await receiver.ended
    expect(stdout).toBe('demo: one\ndemo: two\n')
    expect(code).toBe(0)
  })

  it('exit 1 when nothing, or too little, came in time', async () => {
    expect((await background(['receive', '--timeout', '0.3']).ended).code).toBe(1)
    const receiver = await listen('--timeout', '3', '--count', '2')
    await run(['send', 'one'], { env })
    expect(await receiver.ended).toMatchObject({ code: 1, stdout: 'demo: one\n' })
  })

  it('end quietly when nobody reads any more', async () => {
    const receiver = await listen()
    receiver.child.stdout?.destroy()
    await run(['send', 'one'], { env })
    await run(['send', 'two'], { env })
    expect((await receiver.ended).code).toBe(0)
  })

  it('take the token from the variable that --token-from-env names', async () => {
    const { WGROK_TOKEN: token = '', ...rest } = env
    const good = await run(['send', 'x', '--token-from-env', 'MY_TOKEN'], { env: { ...rest, MY_TOKEN: token } })
    expect(good.code).toBe(0)
    const bad = await run(['send', 'x', '--token-from-env', 'MY_TOKEN'], { env: rest })
    expect(bad.stderr).toBe('wgrok: [config-missing] MY_TOKEN, named by --token-from-env, is not set\n')
    expect(bad.code).toBe(2)
  })
})

describe('wgrok request', () => {
  it('exits 1 when no answer came in time', async () => {
    const { code, stderr, stdout } = await run(['request', 'status?', '--to', 'nobody', '--timeout', '0.5'], { env })
    expect(stderr).toContain('wgrok: [timeout]')
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  it('prints the answer to its own question', async () => {
    const { receiverConfigFromEnv, WgrokReceiver } = await import('../../src/index.js')
    const agent = new WgrokReceiver(
      receiverConfigFromEnv({ ...env, WGROK_SLUG: 'oracle' }),
      async (_slug, payload, _cards, _from, context) => void (await context.reply(`re: ${payload}`)),
    )
    await agent.listen()
    try {
      const [text, json] = await Promise.all([
        run(['request', 'one', '--to', 'oracle'], { env }),
        run(['request', 'two', '--to', 'oracle', '--json'], { env }),
      ])
      expect(text).toEqual({ code: 0, stdout: 're: one\n', stderr: '' })
      expect(JSON.parse(json.stdout)).toMatchObject({ payload: 're: two', from: 'oracle' })
    } finally {
      await agent.close()
    }
  })
})

describe('a command that cannot connect', () => {
  const dead = { WGROK_PLATFORM: 'bridge', WGROK_TOKEN: 'ws://agents:t0ken-secret@127.0.0.1:1', WGROK_SLUG: 'demo' }

  it('gives up in time and keeps the token to itself', async () => {
    const [sent, asked] = await Promise.all([
      run(['send', 'x', '--timeout', '1'], { env: dead }),
      run(['request', 'x', '--timeout', '1'], { env: dead }),
    ])
    for (const { stderr } of [sent, asked]) {
      expect(stderr).toMatch(/^wgrok: \[timeout\] /m)
      expect(stderr).not.toContain('t0ken-secret')
    }
    expect([sent.code, asked.code]).toEqual([3, 1])
  })

  it('exits 130 on Ctrl-C', async () => {
    const sender = background(['send', 'x'], { env: dead })
    await sender.until(/not connected/)
    sender.child.kill('SIGINT')
    expect((await sender.ended).code).toBe(130)
  })
})

describe('configuration errors', () => {
  it('are one line that names the variable and never its value', async () => {
    const cases: [readonly string[], Record<string, string>, RegExp][] = [
      [['send', 'x'], {}, /^wgrok: \[config-missing\] WGROK_TOKEN [^\n]*\n$/],
      [
        ['send', 'x'],
        { ...env, WGROK_ENCRYPT_KEY: 'bm9rZXk=' },
        /^wgrok: \[config-invalid\] WGROK_ENCRYPT_KEY[^\n]*\n$/,
      ],
      [['receive'], { ...env, WGROK_DOMAINS: 'a[b' }, /^wgrok: \[config-invalid\] WGROK_DOMAINS[^\n]*\n$/],
      [['router'], { WGROK_DOMAINS: 'a' }, /^wgrok: \[config-missing\] [^\n]*WGROK_BRIDGE_TOKENS[^\n]*\n$/],
      [
        ['router'],
        { WGROK_DOMAINS: 'a', WGROK_WEBHOOK_PORT: '0' },
        /^wgrok: \[config-missing\] WGROK_WEBHOOK_SECRET[^\n]*\n$/,
      ],
    ]
    for (const [args, given, expected] of cases) {
      const { code, stderr } = await run(args, { env: given })
      expect(stderr).toMatch(expected)
      expect(stderr).not.toContain('bm9rZXk=')
      expect(code).toBe(2)
    }
  })

  it('name an --env-file that is not there', async () => {
    // Node 20 reads that option itself, wherever it stands, and then says so in its own words.
    const { code, stderr } = await run(['send', 'x', '--env-file', 'absent.env'], { env })
    expect(stderr).toMatch(/absent\.env/)
    expect([2, 9]).toContain(code)
  })

  it('show the stack with WGROK_DEBUG only', async () => {
    const { stderr } = await run(['send', 'x'], { env: { WGROK_DEBUG: 'true' } })
    expect(stderr).toMatch(/^wgrok: \[config-missing\] .*\nWgrokError\n {4}at /)
  })
})
