import { afterEach, beforeEach, expect, it } from 'vitest'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp } from '../../src/testing/slack/workspace.js'
import type { DoctorOptions, Finding } from '../../src/transport/doctor.js'
import { check } from '../../src/transport/slack/doctor.js'
import { channel } from './support.js'

let emulator: SlackEmulator
let app: EmulatedSlackApp

beforeEach(async () => {
  emulator = await startSlackEmulator()
  app = emulator.addApp({ name: 'router' })
})

afterEach(() => emulator.close())

async function examine(options: Partial<DoctorOptions> = {}, token: string = app.botToken): Promise<Finding[]> {
  const findings: Finding[] = []
  const all = { role: 'router', apiUrl: emulator.apiUrl, appToken: app.appToken, ...options } as const
  for await (const finding of check(token, all)) findings.push(finding)
  return findings
}

const wrong = (findings: readonly Finding[]): string[] => findings.filter(({ ok }) => !ok).map(({ what }) => what)

it('finds nothing wrong with an app that is set up, and sends nothing', async () => {
  const room = emulator.addChannel('general', [app.botUserId])
  const ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
  const findings = await examine({
    targets: [
      channel(room),
      { platform: 'slack', kind: 'email', id: 'ann@example.com' },
      { platform: 'slack', kind: 'user', id: ann.id },
    ],
  })
  expect(wrong(findings)).toEqual([])
  expect(findings).toHaveLength(13)
  expect([emulator.messages.length, emulator.connections().length]).toEqual([0, 0])
})

it('says which targets cannot be reached, and why', async () => {
  const other = emulator.addApp({ name: 'other' })
  const targets = [
    { platform: 'slack', kind: 'user', id: other.botUserId },
    { platform: 'slack', kind: 'email', id: 'nobody@example.com' },
    channel(emulator.addChannel('elsewhere', [other.botUserId])),
    channel(emulator.addChannel('old', [app.botUserId])),
    channel('C404'),
  ] as const
  emulator.archive(targets[3].id)
  const findings = await examine({ targets })
  expect(wrong(findings)).toEqual([
    expect.stringContaining('is a bot'),
    expect.stringContaining('users_not_found'),
    expect.stringContaining('is not in'),
    expect.stringContaining('is archived'),
    expect.stringContaining('channel_not_found'),
  ])
  expect(findings.every(({ ok, fix }) => ok || fix !== undefined)).toBe(true)
})

it('names missing scopes and a missing app-level token', async () => {
  app.scopes.delete('chat:write')
  app.scopes.delete('users:read.email')
  const findings = await examine({ appToken: '' })
  expect(wrong(findings)).toEqual([
    expect.stringContaining('chat:write is missing'),
    expect.stringContaining('users:read.email is missing'),
    expect.stringContaining('WGROK_SLACK_APP_TOKENS is not set'),
  ])
})

it('says what it means that a router cannot read what it posted', async () => {
  for (const scope of ['channels:history', 'groups:history', 'im:history', 'mpim:history']) app.scopes.delete(scope)
  expect(wrong(await examine())).toEqual([expect.stringContaining('may come twice')])
  expect(wrong(await examine({ role: 'peer' }))).toEqual([])
})

it('tells a wrong token from a wrong address, and shows neither token', async () => {
  const mistaken = await examine({}, 'hush-hush')
  expect(wrong(mistaken)).toEqual([
    expect.stringContaining('does not begin with xoxb-'),
    expect.stringContaining('invalid_auth'),
  ])
  const swapped = await examine({ appToken: app.botToken })
  expect(wrong(swapped)).toEqual([
    expect.stringContaining('does not begin with xapp-'),
    expect.stringContaining('not_allowed_token_type'),
  ])
  const lost = await examine({ apiUrl: 'http://127.0.0.1:9/api' })
  expect(wrong(lost)).toEqual([expect.stringContaining('platform-unavailable')])
  expect(JSON.stringify([mistaken, swapped, lost])).not.toMatch(/hush|secret-of/)
})
