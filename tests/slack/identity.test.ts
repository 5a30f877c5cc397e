import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SlackEmulator, startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { EmulatedSlackApp } from '../../src/testing/slack/workspace.js'
import { createSlackApi, type SlackApi } from '../../src/transport/slack/api.js'
import { createSlackDirectory } from '../../src/transport/slack/identity.js'
import { fakeClock } from '../support/fake-clock.js'
import { pass, recorder } from './support.js'

let emulator: SlackEmulator
let app: EmulatedSlackApp
let api: SlackApi

beforeEach(async () => {
  emulator = await startSlackEmulator()
  app = emulator.addApp({ name: 'router' })
  api = createSlackApi(app.botToken, { apiUrl: emulator.apiUrl })
})

afterEach(async () => {
  await api.close()
  await emulator.close()
})

const asked = (method: string): number => emulator.calls.filter(call => call.method === method).length

describe('who wrote', () => {
  it('is the e-mail address and always the id, asked for once an hour', async () => {
    const clock = fakeClock()
    const directory = createSlackDirectory(api, { clock })
    const { id } = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const author = { user: id, team: emulator.teamId }
    const principals = ['ann@example.com', `${id}@${emulator.teamId}.slack`]
    const both = await Promise.all([directory.identify(author), directory.identify(author)])
    expect(both).toEqual([{ principals }, { principals }])
    expect(directory.identify(author)).toEqual({ principals })
    expect([asked('users.info'), asked('auth.test')]).toEqual([1, 1])
    await clock.advance(60 * 60 * 1000)
    await directory.identify(author)
    expect(asked('users.info')).toBe(2)
  })

  it('is an app when an app wrote, even in the name of a person', () => {
    const directory = createSlackDirectory(api)
    const person = { user: 'U1', team: 'T1' }
    expect(directory.identify({ ...person, app: 'A1', bot: 'B1' })).toEqual({ principals: ['A1@apps.T1.slack'] })
    expect(directory.identify({ ...person, bot: 'B1' })).toEqual({ principals: ['B1@bots.T1.slack'] })
    expect(directory.identify({ ...person, app: 'A1' })).toEqual({ principals: ['A1@apps.T1.slack'] })
    expect(directory.identify({})).toEqual({ principals: ['unknown@bots.unknown.slack'] })
    expect(emulator.calls).toHaveLength(0)
  })

  it('has no e-mail address when another workspace vouches for it', async () => {
    const directory = createSlackDirectory(api)
    const guest = emulator.addUser({ name: 'guest', email: 'ann@example.com', teamId: 'T9' })
    expect(await directory.identify({ user: guest.id, team: 'T9' })).toEqual({ principals: [`${guest.id}@T9.slack`] })
    expect(asked('users.info')).toBe(0)
    // Even when the event does not say so.
    expect(await directory.identify({ user: guest.id })).toEqual({
      principals: [`${guest.id}@${emulator.teamId}.slack`],
    })
  })

  it('is the id alone without the scopes, with one warning', async () => {
    const logger = recorder()
    const directory = createSlackDirectory(api, { logger })
    app.scopes.delete('users:read')
    for (const user of ['U1', 'U2']) {
      expect(await directory.identify({ user, team: emulator.teamId })).toEqual({
        principals: [`${user}@${emulator.teamId}.slack`],
      })
    }
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { code: 'forbidden' } }])
    app.scopes.add('users:read').delete('users:read.email')
    const ann = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    expect(await directory.identify({ user: ann.id, team: emulator.teamId })).toEqual({
      principals: [`${ann.id}@${emulator.teamId}.slack`],
    })
  })

  it('is asked again when Slack cannot tell right now', async () => {
    const clock = fakeClock()
    const directory = createSlackDirectory(api, { clock, random: () => 0 })
    const { id } = emulator.addUser({ name: 'ann', email: 'ann@example.com' })
    const author = { user: id, team: emulator.teamId }
    emulator.throttle('users.info', 2, 5)
    let known = false
    const identity = Promise.resolve(directory.identify(author)).finally(() => {
      known = true
    })
    expect(await pass(clock, () => known, 500)).toBeGreaterThanOrEqual(10_000)
    expect((await identity).principals[0]).toBe('ann@example.com')
    emulator.plan('users.info', 'drop', 'drop', 'drop', 'drop')
    const other = { user: emulator.addUser({ name: 'bob' }).id }
    const failed = expect(directory.identify(other)).rejects.toMatchObject({ code: 'platform-unavailable' })
    await pass(clock, () => asked('users.info') === 7, 1)
    await failed
    expect((await directory.identify(other)).principals).toHaveLength(1)
  })
})
