import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type IrcEmulator, startIrcEmulator } from '../../src/testing/irc/emulator.js'
import { seeded } from '../support/random.js'
import { follow, listenTo, transportTo, until } from './support.js'

const MESSAGES = 5_000
const CUTS = 200
const PER_CUT = MESSAGES / CUTS

let emulator: IrcEmulator

beforeEach(async () => {
  emulator = await startIrcEmulator()
})

afterEach(() => emulator.close())

describe('a storm of cuts', () => {
  it('loses nothing that was delivered before a cut, hears nothing twice and leaves nothing behind', async () => {
    const random = seeded(11)
    const before = { descriptors: descriptors(), timers: timers() }
    const agent = transportTo(emulator.port, 'agent', '#storm', { reconnectMin: 1 })
    const heard = await listenTo(agent)
    const states = follow(agent)
    const joined = (): boolean => emulator.nicks.includes('agent') && states.at(-1)?.state === 'live'
    const due: string[] = []
    for (let said = 0; said < MESSAGES; said += PER_CUT) {
      await until(joined)
      const batch = Array.from({ length: PER_CUT }, (_, i) => String(said + i))
      for (const text of batch) emulator.say('ann!ann@host.example', '#storm', text)
      // Half of the cuts come when all has arrived; the others tear off what is on its way, which IRC never repeats.
      if (random() < 0.5) {
        await until(() => heard.at(-1)?.text === batch.at(-1))
        due.push(...batch)
      }
      const lives = states.filter(({ state }) => state === 'live').length
      emulator.cut('agent')
      await until(() => states.filter(({ state }) => state === 'live').length > lives)
    }
    const texts = heard.map(({ text }) => text)
    const known = new Set(texts)
    expect(due.filter(text => !known.has(text))).toEqual([])
    expect(known.size).toBe(texts.length)
    expect(texts.map(Number)).toEqual(texts.map(Number).sort((a, b) => a - b))
    await agent.close()
    await until(() => emulator.connections === 0)
    await until(() => descriptors() <= before.descriptors && timers() <= before.timers)
    process.stdout.write(`      irc: ${CUTS} cuts, ${texts.length} of ${MESSAGES} heard, ${due.length} due, 0 twice\n`)
  }, 60_000)
})

function descriptors(): number {
  // Elsewhere than on Linux there is nothing to count.
  return existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0
}

function timers(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}
