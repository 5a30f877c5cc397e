import { afterEach, beforeEach, expect, it } from 'vitest'
import { startWebexEmulator, type WebexEmulator } from '../../src/testing/webex/emulator.js'
import type { EmulatedWebexAccount } from '../../src/testing/webex/world.js'
import type { DoctorOptions, Finding } from '../../src/transport/doctor.js'
import { check } from '../../src/transport/webex/doctor.js'
import { address } from './support.js'

let emulator: WebexEmulator
let bot: EmulatedWebexAccount

beforeEach(async () => {
  emulator = await startWebexEmulator()
  bot = emulator.addBot('router')
})

afterEach(() => emulator.close())

async function examine(options: Partial<DoctorOptions> = {}, token: string = bot.token): Promise<Finding[]> {
  const findings: Finding[] = []
  const all = { role: 'router', apiUrl: emulator.apiUrl, ...options } as const
  for await (const finding of check(token, all)) findings.push(finding)
  return findings
}

const wrong = (findings: readonly Finding[]): string[] => findings.filter(({ ok }) => !ok).map(({ what }) => what)

it('finds nothing wrong with a bot that is set up, and changes nothing', async () => {
  const ann = emulator.addPerson('ann', 'ann@example.com')
  const group = emulator.addRoom(bot, ann)
  const targets = [
    address('email', 'ann@example.com'),
    address('person', ann.id),
    address('room', emulator.directRoom(bot, ann).id),
    address('room', group.id),
  ]
  const findings = await examine({ targets })
  expect(wrong(findings)).toEqual([])
  expect(findings.map(({ what }) => what)).toEqual([
    expect.stringContaining('router@webex.bot, a bot'),
    'the service catalog answers',
    '0 devices are registered',
    expect.stringContaining('ann@example.com'),
    expect.stringContaining('address'),
    expect.stringContaining('direct room'),
    expect.stringContaining('only what mentions them'),
  ])
  expect(emulator.calls.every(({ method }) => method === 'GET')).toBe(true)
})

it('says which targets cannot be reached, and that devices pile up', async () => {
  for (let i = 0; i < 80; i++) emulator.addDevice(bot, `d${i}`)
  const elsewhere = emulator.addRoom(emulator.addBot('other'))
  const targets = [address('room', elsewhere.id), address('channel', 'C1')]
  const findings = await examine({ targets })
  expect(wrong(findings)).toEqual([
    '80 devices are registered',
    expect.stringContaining('not in that room'),
    expect.stringContaining('target-invalid'),
  ])
  expect(findings.every(({ ok, fix }) => ok || fix !== undefined)).toBe(true)
})

it('tells a wrong token from a wrong address, and shows no token', async () => {
  const mistaken = await examine({}, 'hush-hush')
  const lost = await examine({ apiUrl: 'http://127.0.0.1:9/v1' })
  const noCatalog = await examine({ catalogUrl: `${emulator.apiUrl}/nowhere` })
  expect(wrong(mistaken)).toEqual([expect.stringContaining('auth-failed')])
  expect(wrong(lost)).toEqual([expect.stringContaining('platform-unavailable')])
  expect(wrong(noCatalog)).toEqual([expect.stringContaining('events cannot be listened for')])
  expect(JSON.stringify([mistaken, lost, noCatalog])).not.toMatch(/hush|tok-/)
})
