import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WgrokError } from '../../src/errors.js'
import { startWebexEmulator, type WebexEmulator, type WebexEmulatorOptions } from '../../src/testing/webex/emulator.js'
import type { EmulatedMercurySocket } from '../../src/testing/webex/mercury.js'
import type { EmulatedWebexAccount, EmulatedWebexRoom } from '../../src/testing/webex/world.js'
import type { InboundMessage, Transport } from '../../src/transport/transport.js'
import type { WebexTransportOptions } from '../../src/transport/webex/transport.js'
import { type FakeClock, fakeClock, settle } from '../support/fake-clock.js'
import { address, follow, listenTo, pass, recorder, transportOf, until } from './support.js'

let emulator: WebexEmulator
let bot: EmulatedWebexAccount
let ann: EmulatedWebexAccount
let direct: EmulatedWebexRoom
const open: Transport[] = []

beforeEach(() => start())

afterEach(async () => {
  for (const transport of open.splice(0)) await transport.close()
  await emulator.close()
})

async function start(options: WebexEmulatorOptions = {}): Promise<void> {
  emulator = await startWebexEmulator(options)
  bot = emulator.addBot('router')
  ann = emulator.addPerson('Ann', 'Ann@Example.com')
  direct = emulator.directRoom(bot, ann)
}

/** An emulator on the same stopped clock as the transport. */
async function onFakeClock(options: WebexEmulatorOptions = {}): Promise<FakeClock> {
  await emulator.close()
  const clock = fakeClock()
  await start({ ...options, clock })
  return clock
}

function make(options: Partial<WebexTransportOptions> = {}): Transport {
  const transport = transportOf(emulator, bot, options)
  open.push(transport)
  return transport
}

function socket(): EmulatedMercurySocket {
  const [only] = emulator.sockets
  if (only === undefined) throw new Error('no socket')
  return only
}

const texts = (heard: readonly InboundMessage[]): string[] => heard.map(message => message.text)
const count = (match: string): number =>
  emulator.calls.filter(({ method, path }) => `${method} ${path}`.startsWith(match)).length
const DEVICES = '/wdm/api/v1/devices'

describe('listening over Mercury', () => {
  it('hears people and bots, in direct and group rooms, and not itself', async () => {
    const other = emulator.addBot('other')
    const group = emulator.addRoom(bot, ann, other)
    const heard = await listenTo(make())
    const said = emulator.say(ann, direct, './echo:a:b:-:1')
    emulator.say(other, emulator.directRoom(bot, other), './echo:a:b:-:2')
    emulator.say(ann, group, { text: 'router ./echo:a:b:-:3', mentions: [bot], parentId: 'P1' })
    emulator.say(ann, group, 'not for bots')
    emulator.say(bot, group, './echo:a:b:-:own')
    emulator.say(bot, direct, './echo:a:b:-:own')
    await until(() => heard.length === 3)
    await until(() => socket().acks.length === 7)
    const byText = new Map(heard.map(message => [message.text, message]))
    expect(byText.get('./echo:a:b:-:1')).toEqual({
      platform: 'webex',
      id: said.id,
      text: './echo:a:b:-:1',
      cards: [],
      sender: { principals: ['ann@example.com'] },
      conversation: address('room', direct.id),
    })
    expect(byText.get('./echo:a:b:-:2')?.sender.principals).toEqual(['other@webex.bot'])
    expect(byText.get('router ./echo:a:b:-:3')).toMatchObject({
      mentions: ['router', 'router'],
      conversation: address('room', group.id, 'P1'),
    })
    expect(heard).toHaveLength(3)
  })

  it('hears cards and what is submitted with them', async () => {
    const heard = await listenTo(make())
    const content = { type: 'AdaptiveCard', version: '1.3' }
    const attachments = [{ contentType: 'application/vnd.microsoft.card.adaptive', content }, { contentType: 'x/y' }]
    const message = emulator.say(ann, direct, { text: 'a:b:-:x', attachments })
    await until(() => heard.length === 1)
    expect(heard[0]?.cards).toEqual([content])
    emulator.submit(ann, message, { text: './echo:a:b:-:go', other: 'x' })
    emulator.submit(ann, message, { one: './echo:a:b:-:1', no: 7, two: './echo:a:b:-:2' })
    emulator.submit(ann, message, {})
    await until(() => heard.length === 4)
    expect(texts(heard).slice(1)).toEqual(['./echo:a:b:-:go', './echo:a:b:-:1', './echo:a:b:-:2'])
    expect(new Set(heard.map(one => one.id)).size).toBe(4)
    expect(heard[1]).toMatchObject({ sender: { principals: ['ann@example.com'] }, conversation: { id: direct.id } })
  })

  it('keeps the order of a room although its texts are read one by one', async () => {
    const heard = await listenTo(make())
    const all = Array.from({ length: 100 }, (_, i) => String(i))
    for (let i = 0; i < 20; i++) emulator.plan('GET /v1/messages/', { status: 503 })
    for (const text of all) emulator.say(ann, direct, text)
    await until(() => heard.length === 100)
    expect(texts(heard)).toEqual(all)
  })

  it('acks every frame that has an id, whatever it is, and survives what it does not know', async () => {
    const logger = recorder()
    const heard = await listenTo(make({ logger }))
    const before = socket().acks.length
    const odd = [
      { id: 'A1', data: { eventType: 'encryption.kms_message' } },
      { id: 'A2', data: { eventType: 'status.start_typing', more: { hush: 1 } } },
      { id: 'A3', type: 'unheard-of' },
      { id: 'A4' },
      { id: 'A5', data: { eventType: 'conversation.activity', activity: { id: 'x', verb: 'acknowledge' } } },
    ]
    for (const frame of odd) socket().send(frame)
    socket().send({ id: 7, data: 'hush-hush' })
    emulator.say(ann, direct, 'after')
    await until(() => heard.length === 1)
    expect(socket().acks.slice(before)).toEqual(expect.arrayContaining(['A1', 'A2', 'A3', 'A4', 'A5']))
    expect(logger.lines).toMatchObject([{ level: 'warn', fields: { at: '/id', count: 1 } }])
    expect(JSON.stringify(logger.lines)).not.toContain('hush')
  })

  it('asks the catalog, names its device, uses it again and deletes it at the end', async () => {
    const transport = make()
    await listenTo(transport)
    expect(emulator.devices.map(device => device.name)).toEqual([expect.stringMatching(/^wgrok-router-/)])
    expect([count('GET /u2c/api/v1/catalog'), count(`POST ${DEVICES}`)]).toEqual([1, 1])
    await transport.close()
    await transport.close()
    expect([emulator.devices.length, emulator.sockets.length]).toEqual([0, 0])
    expect(JSON.stringify(emulator.calls.map(call => call.path))).not.toContain(bot.token)
  })

  it('takes up the device that a crash has left', async () => {
    const first = transportOf(emulator, bot)
    await listenTo(first)
    const seen = follow(first)
    const heard = await listenTo(make())
    expect(count(`POST ${DEVICES}`)).toBe(1)
    // The first one turns out to be alive: it gets a device of its own, and both hear.
    await until(() => emulator.sockets.length === 2)
    expect(new Set(emulator.devices.map(device => device.name)).size).toBe(2)
    emulator.say(ann, direct, 'x')
    await until(() => heard.length === 1)
    expect(seen.some(({ state }) => state === 'failed')).toBe(false)
    await first.close()
    expect(emulator.devices).toHaveLength(1)
  })

  it('makes room when too many of its devices are registered, and leaves others alone', async () => {
    await emulator.close()
    await start({ devicesMax: 4 })
    for (let i = 0; i < 3; i++) emulator.addDevice(bot, `wgrok-old-${i}`)
    emulator.addDevice(bot, 'phone')
    const logger = recorder()
    await listenTo(make({ logger }))
    const names = emulator.devices.map(device => device.name)
    expect(names).toEqual(['wgrok-old-1', 'wgrok-old-2', 'phone', expect.stringMatching(/^wgrok-router-/)])
    expect(logger.lines[0]).toMatchObject({ level: 'warn', fields: { devices: 3 } })
  })

  it('says so when all those devices belong to others, and deletes none of them', async () => {
    await emulator.close()
    await start({ devicesMax: 1 })
    emulator.addDevice(bot, 'phone')
    await expect(listenTo(make())).rejects.toMatchObject({ code: 'platform-rejected' })
    expect(emulator.devices.map(device => device.name)).toEqual(['phone'])
  })

  it('deletes nothing for another refusal', async () => {
    emulator.addDevice(bot, 'wgrok-old')
    emulator.plan(`POST ${DEVICES}`, { status: 400, json: { message: 'no' } })
    await expect(listenTo(make())).rejects.toMatchObject({ code: 'platform-rejected' })
    expect(emulator.devices).toHaveLength(1)
  })

  it('waits for a catalog that is down instead of guessing the region', async () => {
    for (let i = 0; i < 3; i++) emulator.plan('GET /u2c', { status: 503 })
    const heard = await listenTo(make())
    emulator.say(ann, direct, 'x')
    await until(() => heard.length === 1)
    expect(count('GET /u2c')).toBe(4)
  })

  it('takes a catalog from where it is configured to be', async () => {
    const transport = make({ catalogUrl: `${emulator.apiUrl}/nowhere` })
    await expect(listenTo(transport)).rejects.toMatchObject({ code: 'target-not-found' })
  })
})

describe('what goes wrong before a socket is ready', () => {
  it.each([
    [4401, 'auth-failed'],
    [4403, 'forbidden'],
    [4400, 'platform-rejected'],
    [1003, 'platform-rejected'],
    [401, 'auth-failed'],
    [403, 'forbidden'],
  ])('%i is final: %s', async (code, expected) => {
    emulator.refuseSockets = code
    const transport = make()
    const seen = follow(transport)
    await expect(listenTo(transport)).rejects.toMatchObject({ code: expected, retryable: false })
    await until(() => seen.at(-1)?.state === 'failed')
  })

  it.each([1000, 1001, 1011, 3050, 4001, 4000, 4999, 500, 503, 429])('%i is tried again', async code => {
    emulator.refuseSockets = code
    const clock = fakeClock()
    const transport = make({ clock })
    const seen = follow(transport)
    const listening = listenTo(transport)
    await until(() => seen.some(({ state }) => state === 'reconnecting'))
    emulator.refuseSockets = undefined
    const heard = await Promise.all([listening, pass(clock, () => emulator.sockets.length === 1)]).then(([all]) => all)
    emulator.say(ann, direct, 'x')
    await until(() => heard.length === 1)
  })

  it('a token that REST does not know is final', async () => {
    const logger = recorder()
    const transport = transportOf(emulator, { ...bot, token: 'tok-wrong' }, { logger })
    await expect(listenTo(transport)).rejects.toMatchObject({ code: 'auth-failed' })
    expect(JSON.stringify(logger.lines)).not.toContain('tok-wrong')
    await transport.close()
  })

  it('an outage at the beginning is waited out', async () => {
    for (let i = 0; i < 6; i++) emulator.plan('GET /v1/people/me', i % 2 === 0 ? 'drop' : { status: 502 })
    await listenTo(make())
    expect(count('GET /v1/people/me')).toBe(7)
  })

  it('silence ends after 30 s, and 429 on the way is obeyed', async () => {
    const clock = await onFakeClock()
    emulator.mercury.ready = false
    emulator.plan('GET /u2c', { status: 429, headers: { 'retry-after': '20' } })
    const transport = make({ clock })
    const seen = follow(transport)
    const listening = listenTo(transport)
    await until(() => seen.some(({ state }) => state === 'reconnecting'))
    expect(await pass(clock, () => count('GET /u2c') === 2, 1_000)).toBe(20_000)
    await until(() => emulator.mercury.authorized === 1)
    emulator.mercury.ready = true
    const took = await pass(clock, () => emulator.sockets.length === 1, 1_000)
    expect(took).toBeGreaterThanOrEqual(29_000)
    await listening
  })

  it.each(['close code', 'HTTP status'])('a forgotten device is refreshed, then registered anew: %s', async how => {
    const left = transportOf(emulator, bot)
    await listenTo(left)
    const [device] = emulator.devices
    if (device === undefined) throw new Error('no device')
    emulator.listGone = true
    emulator.forgetDevice(device)
    if (how === 'HTTP status') emulator.alias = false
    const heard = await listenTo(make())
    expect([count(`PUT ${DEVICES}`), count(`POST ${DEVICES}`)]).toEqual([1, 2])
    emulator.say(ann, direct, 'x')
    await until(() => heard.length === 1)
    await left.close()
  })

  it('a device whose socket stays unknown is replaced after its refresh, three times without waiting', async () => {
    emulator.refuseSockets = 4404
    const clock = fakeClock()
    const transport = make({ clock, random: () => 0.999 })
    const seen = follow(transport)
    const listening = listenTo(transport)
    await until(() => seen.some(({ state }) => state === 'reconnecting'))
    expect([count(`PUT ${DEVICES}`), count(`POST ${DEVICES}`)]).toEqual([2, 2])
    emulator.refuseSockets = undefined
    await Promise.all([listening, pass(clock, () => emulator.sockets.length === 1)])
  })
})

describe('what goes wrong on a live socket', () => {
  it.each([
    [4401, 'auth-failed'],
    [4403, 'forbidden'],
    [4400, 'platform-rejected'],
    [1003, 'platform-rejected'],
  ])('%i is final: %s', async (code, expected) => {
    const transport = make()
    const seen = follow(transport)
    await listenTo(transport)
    socket().close(code, 'no')
    await until(() => seen.at(-1)?.state === 'failed')
    expect(seen.at(-1)).toMatchObject({ error: { code: expected } })
    await transport.close()
    expect(emulator.devices).toEqual([])
  })

  it.each([
    [1000, 'idle'],
    [1000, 'done (forced)'],
    [1000, 'bye'],
    [1001, ''],
    [1005, ''],
    [1006, ''],
    [1011, ''],
    [3050, ''],
    [4000, 'other'],
    [4001, ''],
    [4404, ''],
    [4999, 'new'],
  ])('%i %s: another socket, and nothing is lost', async (code, reason) => {
    const heard = await listenTo(make())
    emulator.say(ann, direct, 'before')
    await until(() => heard.length === 1)
    const old = socket()
    if (code === 1006) old.cut()
    else if (code === 1005) old.close(1005)
    else old.close(code, reason)
    emulator.say(ann, direct, 'meanwhile')
    await until(() => heard.length === 2)
    emulator.say(ann, direct, 'after')
    await until(() => heard.length === 3)
    expect(texts(heard)).toEqual(['before', 'meanwhile', 'after'])
    expect(count(`POST ${DEVICES}`)).toBe(1)
    expect(count(`PUT ${DEVICES}`)).toBe(code === 4404 ? 1 : 0)
  })

  it('4000 replaced: goes on with a device of its own', async () => {
    const heard = await listenTo(make())
    socket().close(4000, 'Replaced')
    await until(() => count(`POST ${DEVICES}`) === 2 && emulator.sockets.length === 1)
    emulator.say(ann, direct, 'x')
    await until(() => heard.length === 1)
  })

  it('shutdown: the successor is ready before the old socket goes with 4001', async () => {
    const transport = make()
    const heard = await listenTo(transport)
    const seen = follow(transport)
    const old = socket()
    old.shutdown()
    for (let i = 0; i < 20; i++) {
      emulator.say(ann, direct, String(i))
      await settle()
    }
    await until(() => emulator.sockets.length === 1 && socket() !== old)
    await until(() => heard.length === 20)
    expect(texts(heard)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
    expect(seen.map(({ state }) => state)).toEqual(['live', 'live'])
  })

  it.each([
    ['no pong', false, 14_000],
    ['a pong for another ping', 'wrong', 0],
  ] as const)('%s: another socket', async (_what, pongs, after) => {
    const clock = await onFakeClock()
    const heard = await listenTo(make({ clock }))
    await until(() => socket().pings === 1)
    await pass(clock, () => socket().pings === 3, 1_000)
    const old = socket()
    emulator.mercury.pongs = pongs
    const took = await pass(clock, () => emulator.sockets.some(one => one !== old), 1_000)
    expect(took).toBeGreaterThanOrEqual(after)
    expect(took).toBeLessThanOrEqual(15_000 + after + 4_000)
    emulator.mercury.pongs = true
    emulator.say(ann, direct, 'x')
    await pass(clock, () => heard.length === 1, 10)
  })

  it('pings 15 s after each pong', async () => {
    const clock = await onFakeClock()
    await listenTo(make({ clock }))
    await until(() => socket().pings === 1)
    expect(await pass(clock, () => socket().pings === 5, 1_000)).toBe(60_000)
  })

  it('a gap in the sequence is read back, before what came after it', async () => {
    const logger = recorder()
    const heard = await listenTo(make({ logger }))
    const group = emulator.addRoom(bot, ann)
    emulator.say(ann, direct, '0')
    await until(() => heard.length === 1)
    emulator.mercury.loseNext = 3
    emulator.say(ann, direct, '1')
    emulator.say(ann, group, { text: 'router in a room never heard of', mentions: [bot] })
    emulator.say(ann, direct, '2')
    emulator.say(ann, direct, '3')
    await until(() => heard.length === 5)
    expect(texts(heard).filter(text => text.length === 1)).toEqual(['0', '1', '2', '3'])
    expect(logger.lines.map(line => line.fields)).toContainEqual({ frames: 3 })
  })

  it('more than one page is read back', async () => {
    const heard = await listenTo(make())
    emulator.mercury.loseNext = 250
    const all = Array.from({ length: 251 }, (_, i) => String(i))
    for (const text of all) emulator.say(ann, direct, text)
    await until(() => heard.length === 251)
    expect(texts(heard)).toEqual(all)
  })

  it('what was said before it listened is not read back', async () => {
    emulator.say(ann, direct, 'old')
    const heard = await listenTo(make())
    socket().cut()
    emulator.say(ann, direct, 'new')
    await until(() => heard.length === 1)
    expect(texts(heard)).toEqual(['new'])
  })

  it('a room that cannot be read back is read back later', async () => {
    const clock = fakeClock()
    const heard = await listenTo(make({ clock }))
    emulator.mercury.loseNext = 1
    for (let i = 0; i < 4; i++) emulator.plan('GET /v1/messages', { status: 500 })
    emulator.say(ann, direct, '1')
    emulator.say(bot, direct, 'the frame that shows the gap')
    await pass(clock, () => heard.length === 1)
    expect(texts(heard)).toEqual(['1'])
  })

  it('duplicates, edits, deletions and other activities are no messages', async () => {
    const heard = await listenTo(make())
    emulator.mercury.duplicate = true
    const message = emulator.say(ann, direct, 'once')
    await until(() => heard.length === 1)
    emulator.edit(message)
    for (const verb of ['update', 'delete', 'add', 'leave', 'acknowledge', 'post', 'share'])
      emulator.announce(message, verb)
    emulator.say(ann, direct, 'twice')
    await until(() => heard.length === 2)
    await settle()
    expect(texts(heard)).toEqual(['once', 'twice'])
  })

  it('a group message without a mention cannot be read, and is skipped', async () => {
    const group = emulator.addRoom(bot, ann)
    const logger = recorder()
    const heard = await listenTo(make({ logger }))
    emulator.tellsAll = true
    emulator.say(ann, group, 'among people')
    emulator.say(ann, group, { text: 'router for us', mentions: [bot] })
    await until(() => heard.length === 1)
    expect(texts(heard)).toEqual(['router for us'])
    expect(emulator.calls.some(({ status }) => status === 404)).toBe(true)
    expect(logger.lines).toEqual([])
  })

  it('429 on reading is obeyed by all reads, and nothing is lost', async () => {
    const clock = await onFakeClock({ readEveryMs: 1_000 })
    const heard = await listenTo(make({ clock }))
    for (let i = 0; i < 20; i++) emulator.say(ann, direct, String(i))
    const took = await pass(clock, () => heard.length === 20, 250)
    expect(texts(heard)).toEqual(Array.from({ length: 20 }, (_, i) => String(i)))
    expect(took).toBeLessThanOrEqual(19_000 * 1.1)
    const reads = emulator.calls.filter(({ method, path }) => method === 'GET' && path.startsWith('/v1/messages/'))
    const granted = reads.filter(({ status }) => status === 200).map(({ at }) => at)
    expect(granted.every((at, i) => i === 0 || at - (granted[i - 1] ?? 0) >= 1_000)).toBe(true)
  })

  it('a healthy socket on which nothing happens is noticed, and the device registered anew', async () => {
    const clock = await onFakeClock()
    const transport = make({ clock })
    const heard = await listenTo(transport)
    const seen = follow(transport)
    const [device] = emulator.devices
    emulator.mercury.deaf = true
    emulator.say(ann, direct, 'said to the deaf')
    await pass(clock, () => heard.length === 1, 5_000)
    await pass(clock, () => emulator.devices[0] !== undefined && emulator.devices[0] !== device, 1_000)
    await until(() => emulator.sockets.length === 1)
    expect(seen.map(({ state }) => state)).toEqual(expect.arrayContaining(['stale', 'reconnecting']))
    expect(count('GET /u2c')).toBe(2)
    emulator.mercury.deaf = false
    emulator.say(ann, direct, 'heard')
    await until(() => heard.length === 2)
  })

  it('what the bus refuses is offered again', async () => {
    const clock = fakeClock()
    const transport = make({ clock })
    const heard: string[] = []
    let refusals = 2
    await transport.listen(async message => {
      if (refusals-- > 0) throw new WgrokError('spool-full', 'no room')
      heard.push(message.text)
    })
    emulator.say(ann, direct, 'x')
    await pass(clock, () => heard.length === 1)
    emulator.say(ann, direct, 'y')
    await until(() => heard.length === 2)
    expect(heard).toEqual(['x', 'y'])
  })

  it('closing leaves no timer and no socket, whatever it was doing', async () => {
    const clock = await onFakeClock()
    for (const state of ['live', 'opening', 'waiting', 'reading'] as const) {
      emulator.mercury.ready = state !== 'opening'
      emulator.refuseSockets = state === 'waiting' ? 503 : undefined
      const transport = transportOf(emulator, bot, { clock })
      const listening = listenTo(transport).catch(() => {})
      await until(() => emulator.calls.some(({ path }) => path === DEVICES))
      await settle()
      if (state === 'live' || state === 'reading') await listening
      if (state === 'reading') {
        emulator.plan('GET /v1/messages/', { status: 429, headers: { 'retry-after': '60' } })
        emulator.say(ann, direct, 'x')
        await until(() => emulator.calls.at(-1)?.status === 429)
      }
      await transport.close()
      await listening
      await until(() => emulator.sockets.length === 0)
      // The emulator's own.
      await until(() => clock.pending === 0)
      expect([state, emulator.devices.length]).toEqual([state, 0])
    }
  })
})
