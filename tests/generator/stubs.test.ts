import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bridgeAddress, matchBridge, matchWebhook, OPERATIONS, WEBHOOK_ADDRESS } from '../../generated/channels.js'
import fixtures from '../../generated/fixtures.json' with { type: 'json' }
import {
  type BusReceives,
  decodeBridgeReceives,
  decodeBridgeSends,
  decodeBusReceives,
  decodeBusSends,
  dispatchBridgeReceives,
  dispatchBusReceives,
} from '../../generated/stubs.js'
import { matchThings, thingsAddress } from './golden/shapes/expected/channels.js'
import { decodeSocketReceives } from './golden/wire/expected/stubs.js'

describe('a decoder of JSON messages', () => {
  it('tells the operation by the tag, and hands the same object on', () => {
    for (const [type, examples] of [
      ['adapterRegister', fixtures.BridgeRegister],
      ['adapterMessage', fixtures.BridgeMessage],
      ['adapterReply', fixtures.BridgeReply],
      ['adapterEvent', fixtures.BridgeEvent],
      ['adapterError', fixtures.BridgeError],
    ] as const) {
      for (const { payload } of examples) {
        const decoded = decodeBridgeReceives(payload)
        expect(decoded.operation).toBe(type)
        expect('message' in decoded && decoded.message).toBe(payload)
      }
    }
  })

  it('names a type that the protocol does not know', () => {
    expect(decodeBridgeReceives({ type: 'subscribe' })).toEqual({ operation: 'unknown', type: 'subscribe' })
    expect(decodeBridgeSends({ type: 'register', platform: 'x' })).toEqual({ operation: 'unknown', type: 'register' })
    for (const type of ['constructor', '__proto__', 'toString']) {
      expect(decodeBridgeReceives({ type })).toEqual({ operation: 'unknown', type })
    }
  })

  it('says what is wrong with a known type, and not what it holds', () => {
    const decoded = decodeBridgeReceives({ type: 'register', platform: 'x', token: 'T0P-SECRET'.repeat(1000) })
    expect(decoded).toMatchObject({ operation: 'invalid', type: 'register', errors: [{ instancePath: '/token' }] })
    expect(JSON.stringify(decoded)).not.toContain('T0P-SECRET')
  })

  it('takes anything', () => {
    for (const value of [null, undefined, 1, 'x', [], [{ type: 'register' }], {}, { type: 1 }, { type: null }]) {
      expect(decodeBridgeReceives(value)).toMatchObject({ operation: 'invalid', type: undefined })
    }
    expect(decodeBridgeReceives(Object.create({ type: 'register', platform: 'x' }))).toMatchObject({
      operation: 'invalid',
    })
    fc.assert(fc.property(fc.anything(), value => void decodeBridgeReceives(value)))
    fc.assert(fc.property(fc.json(), text => void decodeBridgeReceives(JSON.parse(text))))
  })

  it('reads a number as a tag too', () => {
    expect(decodeSocketReceives({ op: 2 })).toEqual({ operation: 'peerAny', message: { op: 2 } })
    expect(decodeSocketReceives({ op: 3 })).toEqual({ operation: 'unknown', type: '3' })
    expect(decodeSocketReceives({ op: '2' })).toMatchObject({ operation: 'invalid' })
  })
})

describe('a decoder of text', () => {
  it.each([
    ['./pause', { operation: 'peerPause', message: './pause' }],
    [' ./resume\n', { operation: 'peerResume', message: './resume' }],
    ['./echo:a:b:-:x:y', { operation: 'peerEcho', message: { to: 'a', from: 'b', flags: '-', payload: 'x:y' } }],
    ['./jira:list', { operation: 'peerCommand', message: { app: 'jira', payload: 'list' } }],
    ['hello: there', { operation: 'unknown', type: undefined }],
    ['', { operation: 'unknown', type: undefined }],
  ])('%j', (text, decoded) => {
    expect(decodeBusReceives(text)).toEqual(decoded)
  })

  it('does not take a broken echo frame for a call of an application called echo', () => {
    expect(decodeBusReceives('./echo:a:b')).toMatchObject({
      operation: 'invalid',
      type: 'Echo',
      errors: [{ keyword: 'frame-malformed' }],
    })
    expect(decodeBusReceives('./status')).toMatchObject({ operation: 'invalid', type: 'AppCommand' })
  })

  it('takes chat for chat where a frame has no prefix', () => {
    expect(decodeBusSends('good morning')).toEqual({ operation: 'unknown', type: undefined })
    expect(decodeBusSends('a::-:x')).toMatchObject({ operation: 'invalid', type: 'Response' })
    expect(decodeBusSends('a:b:-:x')).toMatchObject({ operation: 'routerResponse', message: { to: 'a', from: 'b' } })
  })
})

describe('a dispatcher', () => {
  const calls: BusReceives<string[], string> = {
    peerEcho: (frame, log) => `echo ${frame.to} ${log.length}`,
    peerCommand: ({ app }) => `command ${app}`,
    peerPause: () => 'pause',
    peerResume: () => 'resume',
  }

  it('calls the handler of the operation with the context, and returns what it returns', () => {
    const dispatch = (text: string) => dispatchBusReceives(text, calls, ['x'], undecoded => undecoded.operation)
    expect(['./echo:a:b:-:', './jira:x', './pause', './resume', 'chat', './x'].map(dispatch)).toEqual([
      'echo a 1',
      'command jira',
      'pause',
      'resume',
      'unknown',
      'invalid',
    ])
  })

  it('keeps `this` of a handler class', () => {
    class Handler {
      readonly name = 'me'
      adapterRegister(): string {
        return this.name
      }
      adapterMessage(): string {
        return ''
      }
      adapterReply(): string {
        return ''
      }
      adapterEvent(): string {
        return ''
      }
      adapterError(): string {
        return ''
      }
    }
    const value = { type: 'register', platform: 'x' }
    expect(dispatchBridgeReceives(value, new Handler(), undefined, () => 'undecoded')).toBe('me')
  })
})

describe('addresses', () => {
  it('come back as they were, whatever they hold', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' })
    fc.assert(
      fc.property(text, platform => void expect(matchBridge(bridgeAddress({ platform }))).toEqual({ platform })),
    )
    fc.assert(
      fc.property(
        text,
        fc.constantFrom('a' as const, 'b' as const),
        (id, kind) => void expect(matchThings(thingsAddress({ kind, id }))).toEqual({ kind, id }),
      ),
    )
  })

  it.each(['', '/', '/bridge/v1', '/bridge/v1/', '/bridge/v1/a/b', '/bridge/v1/%', '/bridge/v2/a', 'x/bridge/v1/a'])(
    '%j is not the bridge',
    path => {
      expect(matchBridge(path)).toBeUndefined()
    },
  )

  it.each(['/things/c/items/1.json', '/things/a/items/.json', '/things/a/items/1', '/things/a/items/1/2.json'])(
    '%j is no thing',
    path => {
      expect(matchThings(path)).toBeUndefined()
    },
  )

  it('without parameters are compared', () => {
    expect(matchWebhook(WEBHOOK_ADDRESS)).toBe(true)
    expect(matchWebhook(`${WEBHOOK_ADDRESS}/`)).toBe(false)
  })

  it('and operations stand in one table', () => {
    expect(OPERATIONS.adapterRegister).toMatchObject({
      action: 'receive',
      channel: 'bridge',
      reply: ['BridgeReply', 'BridgeError'],
    })
    for (const [id, operation] of Object.entries(OPERATIONS)) expect(operation.id).toBe(id)
  })
})
