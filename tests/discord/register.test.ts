import { afterEach, describe, expect, it } from 'vitest'
import type { CliIo } from '../../src/cli/io.js'
import { main } from '../../src/cli/main.js'
import { DISCORD_BOT } from '../../src/testing/discord/emulator.js'
import { Bench } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

async function run(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const io: CliIo = {
    stdin: (async function* () {})(),
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: async text => {
      out += text
    },
    stderr: text => {
      err += text
    },
    env,
    cwd: process.cwd(),
    interrupted: new AbortController().signal,
  }
  return { code: await main(['discord', 'register', ...args], io), out, err }
}

describe('wgrok discord register', () => {
  it('registers the command for every bot, once, and leaves others alone', async () => {
    const bots = [DISCORD_BOT, { ...DISCORD_BOT, token: 'second', id: '44', applicationId: '9' }]
    const emulator = await bench.emulator({ bots })
    emulator.rest.commands.set('8', [{ id: '1', name: 'other' }])
    const env = { WGROK_DISCORD_TOKENS: 'discord-token, second', WGROK_DISCORD_API_URL: emulator.apiUrl }
    for (let i = 0; i < 2; i++) {
      const { code, out } = await run(env)
      expect([code, out]).toEqual([0, 'registered /wgrok with application 8\nregistered /wgrok with application 9\n'])
    }
    expect(emulator.rest.commands.get('8')?.map(command => command['name'])).toEqual(['other', 'wgrok'])
    expect(emulator.rest.commands.get('9')).toMatchObject([
      { name: 'wgrok', type: 1, options: [{ name: 'text', type: 3, max_length: 6000, required: false }] },
    ])
  })

  it('takes the token of a peer too, and prints JSON', async () => {
    const emulator = await bench.emulator()
    const env = { WGROK_PLATFORM: 'discord', WGROK_TOKEN: 'discord-token', WGROK_DISCORD_API_URL: emulator.apiUrl }
    const { code, out } = await run(env, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ name: 'wgrok', application_id: '8' })
  })

  it('says in one line what is wrong, and never the token', async () => {
    const emulator = await bench.emulator()
    const wrong = await run({ WGROK_DISCORD_TOKENS: 'a-wrong-token', WGROK_DISCORD_API_URL: emulator.apiUrl })
    expect(wrong.code).toBe(3)
    expect(wrong.err).toMatch(/^wgrok: \[auth-failed\] [^\n]*\n$/)
    expect(wrong.err).not.toContain('a-wrong-token')
    expect((await run({})).code).toBe(2)
  })
})
