import { afterEach, describe, expect, it } from 'vitest'
import { DISCORD_BOT } from '../../src/testing/discord/emulator.js'
import { check } from '../../src/transport/discord/doctor.js'
import type { DoctorOptions, Finding } from '../../src/transport/doctor.js'
import { Bench, CHANNEL } from './support.js'

const bench = new Bench()
afterEach(() => bench.close())

async function findings(token: string, options: DoctorOptions): Promise<Finding[]> {
  const found: Finding[] = []
  for await (const finding of check(token, options)) found.push(finding)
  return found
}

describe('the doctor', () => {
  it('finds nothing wrong with a bot that is set up well', async () => {
    const emulator = await bench.emulator()
    const user = { platform: 'discord', kind: 'user', id: '42' } as const
    const found = await findings(DISCORD_BOT.token, {
      role: 'router',
      apiUrl: emulator.apiUrl,
      publicKey: emulator.publicKey,
      targets: [CHANNEL, user],
    })
    expect(found.filter(({ ok }) => !ok)).toEqual([])
    expect(found).toHaveLength(6)
    expect(emulator.messages).toEqual([])
  })

  it('names what is wrong and what to do about it', async () => {
    const emulator = await bench.emulator({ bots: [{ ...DISCORD_BOT, mayReadText: false }] })
    emulator.addUser({ id: '44', username: 'helper', bot: true })
    emulator.addChannel({ id: '77', type: 0, name: 'closed', guildId: '9', denied: 50001 })
    const at = (kind: 'channel' | 'user', id: string) => ({ platform: 'discord', kind, id }) as const
    const found = await findings(DISCORD_BOT.token, {
      role: 'router',
      apiUrl: emulator.apiUrl,
      publicKey: '00'.repeat(32),
      targets: [at('user', '44'), at('channel', '77'), at('channel', '5')],
    })
    expect(found.map(({ ok }) => ok)).toEqual([true, false, false, true, false, false, false])
    expect(found.every(({ ok, fix }) => ok === (fix === undefined))).toBe(true)
    const text = found.map(({ what, fix }) => `${what} ${fix ?? ''}`).join('\n')
    expect(text).toMatch(/Message Content intent/)
    expect(text).toMatch(/not the key of the application/)
    expect(text).toMatch(/no direct messages between bots/)
    expect(text).toMatch(/View Channel/)
    expect(text).toMatch(/Developer Mode/)
  })

  it('sees that something reconnects too often', async () => {
    const emulator = await bench.emulator({ identifyTotal: 1 })
    await bench.transport(emulator).listen(async () => {})
    const found = await findings(DISCORD_BOT.token, { role: 'router', apiUrl: emulator.apiUrl })
    expect(found.at(-1)).toMatchObject({ ok: false, what: '0 of 1 sessions are left for today' })
  })

  it('stops at a token that Discord does not know', async () => {
    const emulator = await bench.emulator()
    const found = await findings('a-wrong-token', { role: 'peer', apiUrl: emulator.apiUrl })
    expect(found).toMatchObject([{ ok: false, what: expect.stringContaining('auth-failed') }])
    expect(JSON.stringify(found)).not.toContain('a-wrong-token')
  })
})
