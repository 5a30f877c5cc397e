import { afterEach, beforeEach, expect, it } from 'vitest'
import { type IrcEmulator, startIrcEmulator } from '../../src/testing/irc/emulator.js'
import type { DoctorOptions, Finding } from '../../src/transport/doctor.js'
import { check } from '../../src/transport/irc/doctor.js'
import { channel, nick, until } from './support.js'

let emulator: IrcEmulator

beforeEach(async () => {
  emulator = await startIrcEmulator({ accounts: new Map([['router', 'hush']]) })
})

afterEach(() => emulator.close())

async function examine(options: Partial<DoctorOptions> = {}, token?: string): Promise<Finding[]> {
  const findings: Finding[] = []
  const text = token ?? `irc://router:hush@127.0.0.1:${emulator.port}/#a,#closed`
  for await (const finding of check(text, { role: 'router', ...options })) findings.push(finding)
  return findings
}

const wrong = (findings: readonly Finding[]): string[] => findings.filter(({ ok }) => !ok).map(({ what }) => what)

it('finds nothing wrong but the missing encryption, sends nothing and leaves', async () => {
  const findings = await examine({ targets: [channel('#b'), nick('router')] })
  expect(wrong(findings)).toEqual([expect.stringContaining('not encrypted')])
  expect(findings.map(({ what }) => what)).toContain('the account is router')
  expect(emulator.messages).toEqual([])
  await until(() => emulator.connections === 0)
})

it('says which channels and nicks cannot be reached, and why', async () => {
  emulator.behaviour.joinNumerics.set('#closed', '474')
  emulator.behaviour.joinNumerics.set('#keyed', '475')
  const findings = await examine({ targets: [channel('#keyed'), nick('nobody')] })
  expect(wrong(findings)).toEqual([
    expect.stringContaining('not encrypted'),
    expect.stringContaining('banned'),
    expect.stringContaining('key'),
    expect.stringContaining('nobody'),
  ])
  expect(findings.every(({ ok, fix }) => ok || fix !== undefined)).toBe(true)
})

it('tells a wrong password from a wrong address and a wrong string, and shows no password', async () => {
  const all = [
    await examine({}, `irc://router:wrong-hush@127.0.0.1:${emulator.port}/#a`),
    await examine({}, 'irc://router:hush@127.0.0.1:9/#a'),
    await examine({}, 'router:hush@127.0.0.1'),
  ]
  expect(all.map(findings => wrong(findings).at(-1))).toEqual([
    expect.stringContaining('auth-failed'),
    expect.stringContaining('platform-unavailable'),
    expect.stringContaining('config-invalid'),
  ])
  expect(JSON.stringify(all)).not.toMatch(/hush/)
})
